#pragma once

#include "base/file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <type_traits>
#include <utility>

namespace tasker::base {

/// Zeroed memory for a table that may be larger than RAM. A small table is anonymous memory. A large one is a
/// mapped file without a name (File::create_nameless), which the kernel can write back, drop and reread.
class Scratch {
 public:
  explicit Scratch(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  /// Grows to at least `count` values of `element` bytes; content stays, addresses change. If there is no
  /// room, throws SystemError and changes nothing.
  void grow(std::uint64_t count, std::size_t element);
  void* data() const { return data_; }
  /// In bytes.
  std::size_t size() const { return size_; }
  void swap(Scratch& other);

 private:
  void reserve(std::size_t size);
  std::filesystem::path directory_;
  void* data_ = nullptr;
  std::size_t size_ = 0;
  File file_;
  bool in_file_ = false;
};

/// An array of plain values in a Scratch.
template <class T>
class ScratchArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit ScratchArray(std::filesystem::path directory) : scratch_(std::move(directory)) {}

  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() const { return static_cast<T*>(scratch_.data()); }
  T* end() const { return begin() + size_; }
  T& operator[](std::uint64_t i) const { return begin()[i]; }

  void resize(std::uint64_t size) {
    scratch_.grow(size, sizeof(T));
    size_ = size;
  }
  void push_back(const T& value) { append({&value, 1}); }
  void append(std::span<const T> values) {
    if (size_ + values.size() > scratch_.size() / sizeof(T))
      scratch_.grow(std::max<std::uint64_t>({1024, 2 * size_, size_ + values.size()}), sizeof(T));
    std::ranges::copy(values, end());
    size_ += values.size();
  }
  void swap(ScratchArray& other) {
    scratch_.swap(other.scratch_);
    std::swap(size_, other.size_);
  }

 private:
  Scratch scratch_;
  std::uint64_t size_ = 0;
};

}  // namespace tasker::base
