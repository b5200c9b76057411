#pragma once

#include "base/descriptor.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::execute::slots {

/// The beginning and the end of a text of any length. It may lie in memory that processes share: whatever
/// another process has left there, nothing outside of it is read or written.
class KeptText {
 public:
  KeptText() {}  // NOLINT(modernize-use-equals-default): memory that is not needed is not touched

  void append(std::string_view bytes);
  /// A line stands for what is left out in the middle.
  std::string text() const;
  void clear() { size_ = 0; }

 private:
  static constexpr std::size_t half = std::size_t{1} << 15;
  std::uint64_t size_ = 0;  // of the whole text
  char head_[half];
  char tail_[half];  // a ring: byte `half` of the text is its first
};

/// Who takes output from the pipes at the moment. A task may overwrite this by accident: whatever it leaves
/// is hardly one of these unlikely numbers, and any other number counts as nobody.
enum class Taker : std::uint32_t { nobody = 0, child = 0x6b1d70c5, rank = 0x51a4c83e };

/// The output that was taken from the pipes, in memory that a slot's child shares with its rank. The child
/// waits while the rank takes output, which is never long. The rank never waits for the child, which may be
/// stopped.
struct OutputPage {
  std::atomic<Taker> taker = Taker::nobody;
  std::atomic<bool> touched = false;  ///< The rank has taken output since the last task ended.
  KeptText out;
  KeptText err;
};

/// The two pipes to which stdout and stderr of a slot's child lead, and so those of the programs that its
/// tasks start. Both processes take output from them: the rank, so that a task that writes much is not held
/// up, and the child when a task ends, so that each record has exactly what its task wrote.
class OutputPipes {
 public:
  /// Make it before the fork: then both processes have the pipes.
  explicit OutputPipes(OutputPage& page);

  /// In the child: from now on stdout and stderr lead to the pipes.
  void redirect() const;
  /// In the child, when a task has ended: what was written since the end of the task before, encoded as in a
  /// record. Empty unless `keep`.
  std::string end_task(bool keep);

  /// In the rank, which does not write.
  void close_writing();
  /// Readable when there is output to take.
  int fd() const { return epoll_.get(); }
  /// In the rank: takes what is in the pipes. False if the child is doing that.
  bool drain();
  /// In the rank, after the child's end: what was written since its last task ended, encoded as in a record.
  std::string rest() { return take_all(true); }

 private:
  struct Pipe {
    Pipe();
    void read_into(KeptText& text) const;
    base::Descriptor reading;  // reading never waits
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
