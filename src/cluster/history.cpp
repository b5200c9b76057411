#include "cluster/history.hpp"

#include "base/without_signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace tasker::cluster {

void add_history(const std::string& line) {
  const char* const path = std::getenv(history_variable);
  if (!path) return;
  const int file = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) return;
  const base::WithoutSignals guard;
  const std::string text = line + "\n";
  (void)!::write(file, text.data(), text.size());
  ::close(file);
}

}  // namespace tasker::cluster
