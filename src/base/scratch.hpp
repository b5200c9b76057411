#pragma once

#include "base/file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <type_traits>

namespace tasker::base {

/// Zeroed memory for tables that may be larger than memory: small ones are anonymous, large ones live in a
/// file without a name in `directory` (in that for temporary files where it is read-only), from where the
/// kernel can drop and reread them.
class Scratch {
 public:
  explicit Scratch(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  /// Grows to `count` values of `element` bytes at least; content stays, addresses change. Throws SystemError
  /// where there is no room, with nothing changed.
  void grow(std::uint64_t count, std::size_t element);
  void* data() const { return data_; }

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
    reserve(size);
    size_ = size;
  }
  void push_back(const T& value) { append({&value, 1}); }
  void append(std::span<const T> values) {
    if (size_ + values.size() > capacity_)
      reserve(std::max<std::uint64_t>({1024, 2 * capacity_, size_ + values.size()}));
    std::ranges::copy(values, end());
    size_ += values.size();
  }

 private:
  void reserve(std::uint64_t capacity) {
    if (capacity <= capacity_) return;
    scratch_.grow(capacity, sizeof(T));
    capacity_ = capacity;
  }
  Scratch scratch_;
  std::uint64_t size_ = 0;
  std::uint64_t capacity_ = 0;
};

}  // namespace tasker::base
