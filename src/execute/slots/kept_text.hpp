#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::execute::slots {

/// The beginning and the end of a text of any length. It may lie in memory that processes share: whatever
/// another one left there, nothing beside it is read or written.
class KeptText {
 public:
  KeptText() {}  // NOLINT(modernize-use-equals-default): memory that is not needed is not touched

  void append(std::string_view bytes);
  /// What is left out in the middle is said by a line.
  std::string text() const;
  void clear() { size_ = 0; }

 private:
  static constexpr std::size_t half = std::size_t{1} << 15;
  std::uint64_t size_ = 0;  // of all of it
  char head_[half];
  char tail_[half];  // a ring: byte `half` of the text is its first
};

}  // namespace tasker::execute::slots
