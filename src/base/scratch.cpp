#include "base/scratch.hpp"

#include "base/signals.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tasker::base {

constexpr std::size_t anonymous_limit = std::size_t{4} << 20;

Scratch::~Scratch() {
  if (data_) ::munmap(data_, size_);
}

void Scratch::swap(Scratch& other) {
  directory_.swap(other.directory_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(file_, other.file_);
  std::swap(in_file_, other.in_file_);
}

/// Reserves the file's space now: later, a write to the mapping can't report a full disk, it ends the
/// process.
void Scratch::reserve(std::size_t size) {
  const WithoutWriteSignals guard;
  const std::size_t have = in_file_ ? size_ : 0;
  int error = EINTR;
  while (error == EINTR)
    error = ::posix_fallocate(file_.fd(), static_cast<off_t>(have), static_cast<off_t>(size - have));
  if (error != 0) throw_errno("get room for a table in", directory_, error);
}

void Scratch::grow(std::uint64_t count, std::size_t element) {
  if (count > std::uint64_t{PTRDIFF_MAX} / element) throw_errno("get room for a table in", directory_, EFBIG);
  const auto size = static_cast<std::size_t>(count * element);
  if (size <= size_) return;
  const bool move_to_file = !in_file_ && size > anonymous_limit;
  if (move_to_file && !file_.is_open()) file_ = File::create_nameless(directory_);
  if (in_file_ || move_to_file) reserve(size);
  void* data = nullptr;
  if (data_ && !move_to_file)
    data = ::mremap(data_, size_, size, MREMAP_MAYMOVE);
  else
    data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                  move_to_file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, move_to_file ? file_.fd() : -1, 0);
  if (data == MAP_FAILED) throw_errno("map a table in", directory_);
  if (data_ && move_to_file) {
    std::memcpy(data, data_, size_);
    ::munmap(data_, size_);
  }
  data_ = data;
  size_ = size;
  in_file_ = in_file_ || move_to_file;
}

}  // namespace tasker::base
