#include "base/scratch.hpp"

#include "base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace tasker::base {

namespace {

constexpr std::size_t anonymous_limit = std::size_t{4} << 20;

int open_nameless(const std::filesystem::path& directory) {
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  std::string name = directory / "scratch.XXXXXX";
  fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) throw_errno("create a temporary file in", directory);
  ::unlink(name.c_str());
  return fd;
}

}  // namespace

Scratch::~Scratch() {
  if (data_) ::munmap(data_, size_);
  if (fd_ >= 0) ::close(fd_);
}

void Scratch::grow(std::size_t size) {
  if (size <= size_) return;
  const bool move_to_file = fd_ < 0 && size > anonymous_limit;
  if (move_to_file) fd_ = open_nameless(directory_);
  if (fd_ >= 0) {
    // Reserved now, since a write to a mapping can't report a full disk.
    errno = ::posix_fallocate(fd_, 0, static_cast<off_t>(size));
    if (errno != 0) throw_errno("get room for a table in", directory_);
  }
  void* data = nullptr;
  if (data_ && !move_to_file)
    data = ::mremap(data_, size_, size, MREMAP_MAYMOVE);
  else
    data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, fd_ >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
                  fd_, 0);
  if (data == MAP_FAILED) throw_errno("map a table in", directory_);
  if (data_ && move_to_file) {
    std::memcpy(data, data_, size_);
    ::munmap(data_, size_);
  }
  data_ = data;
  size_ = size;
}

}  // namespace tasker::base
