#include "cluster/history.hpp"

#include "base/descriptor.hpp"
#include "base/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace tasker::cluster {

void add_history(const std::string& line) {
  const char* const path = std::getenv(history_variable);
  if (!path) return;
  const base::Descriptor file(::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!file) return;
  const base::WithoutWriteSignals guard;
  const std::string text = line + "\n";
  (void)!::write(file.get(), text.data(), text.size());
}

}  // namespace tasker::cluster
