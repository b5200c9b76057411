#pragma once

#include "base/pipe.hpp"
#include "base/signals.hpp"

#include <sys/types.h>

namespace tasker::execute::slots {

/// A process that sleeps until this one is gone, however it has ended, and then ends the process groups of
/// the slots' children. These hold the programs that tasks have started. The children themselves need no
/// guard: the kernel ends them (PR_SET_PDEATHSIG). While the object lives, SIGCHLD has its default action.
class Guard {
 public:
  /// Forks it.
  Guard();
  /// Ends it. All groups must have been released.
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// From now on this group ends with this process.
  void take(pid_t group) { tell(group); }
  /// The group has ended. Call it before you wait for its leader, as another group may get the id after that.
  void release(pid_t group) { tell(-group); }
  /// Call it in a forked child: the guard waits for the end of the rank, not of the child.
  void leave() {
    pipe_.close();
    sigchld_.restore();
  }

 private:
  void tell(pid_t change);
  // The program may ignore SIGCHLD, or wait for every child in a handler. Then nobody could tell how a slot's
  // child has ended.
  base::DefaultSignal sigchld_{SIGCHLD};
  base::Pipe pipe_;  // its end is closed when this process ends: no other process has it
  pid_t pid_ = -1;
};

}  // namespace tasker::execute::slots
