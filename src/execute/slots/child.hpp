#pragma once

#include "base/pipe.hpp"
#include "execute/slots/guard.hpp"
#include "execute/slots/slot_child.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tasker::execute::slots {

/// Why a child ended, and what that makes of the task it was at.
struct ChildEnd {
  store::Outcome outcome = store::Outcome::crashed;
  std::string cause;
  bool at_once = true;      ///< It ended at the task that caused it, not some tasks later.
  std::string output = {};  ///< What its last task had written, as in a record.
};

/// A child process of a slot, from its fork on. It leads a process group, in which whatever its tasks start
/// is, too.
class Child {
 public:
  Child(const Work& work, SlotPage& page, Guard& guard);
  /// Ends it at once, and its group.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  base::Pipe& pipe() { return pipe_; }
  const base::Pipe& pipe() const { return pipe_; }
  /// Readable when it has ended.
  int pidfd() const { return pidfd_.get(); }
  /// Where its tasks write; null where that is not captured.
  OutputPipes* output() { return output_ ? &*output_ : nullptr; }
  /// Sends a signal to it and its group.
  void signal(int number) const;
  /// Ends it and its group, and says why it ended. Waits for a moment at most: what can't end now, as in a
  /// file system that does not answer, never comes back either.
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
