#pragma once

#include <functional>
#include <string>

namespace tasker::test {

/// Whether this process may do what only root may. If not, says which test did not run, and counts it: at the
/// end of the program there is one line with the number.
bool may_as_root(const std::string& test);

/// Calls `act` in a process of its own as a user without rights; what it threw, or "" if nothing. Needs root.
std::string as_nobody(const std::function<void()>& act);

/// A real file system of 1 MiB in memory, mounted as long as this lives. Needs root.
class SmallDisk {
 public:
  explicit SmallDisk(std::string mount_point);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  std::string mount_point_;
};

}  // namespace tasker::test
