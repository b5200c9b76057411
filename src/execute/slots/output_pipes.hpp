#pragma once

#include "base/descriptor.hpp"
#include "execute/slots/kept_text.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace tasker::execute::slots {

/// Who takes something out of the pipes below. Unlikely numbers: whatever else a task leaves there by
/// accident is nobody.
enum class Taker : std::uint32_t { nobody = 0, child = 0x6b1d70c5, rank = 0x51a4c83e };

/// What was taken out of the pipes below, in memory that a slot's child shares with its rank. The child waits
/// while the rank takes, which is never long; the rank never waits for the child, which may be stopped.
struct OutputPage {
  std::atomic<Taker> taker = Taker::nobody;
  std::atomic<bool> touched = false;
  KeptText out;
  KeptText err;
};

/// Where stdout and stderr of a slot's child lead, and so those of the programs that its tasks start: two
/// pipes. Both sides take what is in them: the rank, so that a task that writes much is not held up,
/// and the child when a task ends, so that each task gets exactly what it wrote.
class OutputPipes {
 public:
  /// Before the fork; both then have it. Nothing is taken yet.
  explicit OutputPipes(OutputPage& page);

  /// The child's side: from now on they lead here.
  void redirect() const;
  /// The child, when a task has ended: what was written since the last one had, as in a record.
  std::string end_task(bool keep);

  /// The rank's side: it does not write.
  void close_writing();
  /// Readable when there is something in them.
  int fd() const { return epoll_.get(); }
  /// Makes room in them; false if the child is just about to.
  bool drain();
  /// After the child's end: what was written since its last task had ended, as in a record.
  std::string rest() { return take_all(true); }

 private:
  struct Pipe {
    Pipe();
    void read_into(KeptText& text) const;
    base::Descriptor reading;  // never waits
    base::Descriptor writing;
  };

  void read();
  std::string take_all(bool keep);
  OutputPage& page_;
  Pipe out_;
  Pipe err_;
  base::Descriptor epoll_;
};

}  // namespace tasker::execute::slots
