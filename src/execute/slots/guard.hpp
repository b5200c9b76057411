#pragma once

#include "base/default_signal.hpp"
#include "base/pipe.hpp"

#include <sys/types.h>

namespace tasker::execute::slots {

/// A process that sleeps until this one is gone, however it has ended, and then ends the process groups that
/// it was told of: those of the slots' children, and so whatever their tasks have started. The children
/// themselves need no guard, the kernel ends them (PR_SET_PDEATHSIG), but not the programs. For as long as it
/// lives, the end of this process's children is told to who waits for them and to nobody else.
class Guard {
 public:
  /// Forks it.
  Guard();
  /// Ends it: all groups must have been released.
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// This group is not to outlive this process.
  void take(pid_t group);
  /// It has ended. Before its leader is waited for: then the id may become a stranger's.
  void release(pid_t group);
  /// In a child that was forked since: it is not the one whose end the guard waits for.
  void leave() {
    pipe_.close();
    sigchld_.restore();
  }

 private:
  void tell(pid_t change);
  // Where the program ignores it, or waits for every child in a handler, nobody could tell how a child ended.
  base::DefaultSignal sigchld_{SIGCHLD};
  base::Pipe pipe_;  // nobody else has this end: it closes with this process
  pid_t pid_ = -1;
};

}  // namespace tasker::execute::slots
