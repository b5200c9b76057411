#pragma once

#include "base/pipe.hpp"
#include "execute/slots/guard.hpp"
#include "execute/slots/slot_child.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tasker::execute::slots {

/// Why a child ended.
struct ChildEnd {
  store::Outcome outcome = store::Outcome::crashed;  ///< Of the task that is to blame.
  std::string cause;
  bool at_once = true;      ///< It was still at the task at which something went wrong.
  std::string output = {};  ///< What its last task had written, encoded as in a record.
};

/// A child process of a slot. It leads a process group, which whatever its tasks start belongs to, too.
class Child {
 public:
  /// Forks it.
  Child(const Work& work, SlotPage& page, Guard& guard);
  /// Kills it and its group.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  base::Pipe& pipe() { return pipe_; }
  const base::Pipe& pipe() const { return pipe_; }
  /// Readable when it has ended.
  int pidfd() const { return pidfd_.get(); }
  /// The pipes that its tasks write to; null if their output is not captured.
  OutputPipes* output() { return output_ ? &*output_ : nullptr; }
  /// Sends a signal to it and its group.
  void signal(int number) const;
  /// Kills it and its group if they live, and returns why it ended. Waits for a moment at most: a child that
  /// can't end by then, as in a file system that does not answer, does nothing else any more either.
  ChildEnd reap();

 private:
  std::optional<int> wait() const;
  ChildEnd end_of(std::optional<int> status) const;
  const Work& work_;
  SlotPage& page_;
  Guard& guard_;
  base::Pipe pipe_;
  std::optional<OutputPipes> output_;
  pid_t pid_ = -1;
  base::Descriptor pidfd_;
};

}  // namespace tasker::execute::slots
