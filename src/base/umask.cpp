#include "base/umask.hpp"

#include "base/mutex.hpp"

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace tasker::base {

namespace {

/// The kept umask; -1: none.
std::atomic<int> kept = -1;
Mutex keepers_mutex;
int keepers TASKER_GUARDED_BY(keepers_mutex) = 0;

/// Read from /proc if possible: umask() tells it only by changing it, while other threads may create files.
mode_t umask_now() {
  constexpr std::string_view field = "Umask:";
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field))
      return static_cast<mode_t>(std::strtoul(line.c_str() + field.size(), nullptr, 8));
  const mode_t mask = ::umask(077);
  ::umask(mask);
  return mask;
}

}  // namespace

Umask::Umask() {
  const Lock lock(keepers_mutex);
  if (keepers++ == 0) kept = static_cast<int>(umask_now());
}

Umask::~Umask() {
  const Lock lock(keepers_mutex);
  if (--keepers == 0) ::umask(static_cast<mode_t>(kept.exchange(-1)));
}

mode_t Umask::allowed(mode_t mode) {
  const int mask = kept;
  return mode & ~(mask >= 0 ? static_cast<mode_t>(mask) : umask_now());
}

bool Umask::has_changed() {
  const int mask = kept;
  return mask >= 0 && umask_now() != static_cast<mode_t>(mask);
}

}  // namespace tasker::base
