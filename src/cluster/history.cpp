#include "cluster/history.hpp"

#include "base/descriptor.hpp"
#include "base/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace tasker::cluster {

History::History() {
  if (const char* const path = std::getenv(history_variable)) path_ = path;
}

void History::add(const std::string& line) const {
  if (path_.empty()) return;
  const base::Descriptor file(
      ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!file) return;
  const base::WithoutWriteSignals guard;
  const std::string text = line + "\n";
  (void)!::write(file.get(), text.data(), text.size());
}

}  // namespace tasker::cluster
