#include "base/mapping.hpp"

#include "base/file.hpp"

#include <sys/mman.h>

#include <atomic>

namespace tasker::base {

namespace {

std::atomic<std::size_t> mapped = 0;
constexpr std::size_t small = std::size_t{1} << 16;

}  // namespace

Mapping::Mapping(const std::filesystem::path& path) {
  const File file = File::open_read(path);
  const auto size = static_cast<std::size_t>(file.size());
  if (size == 0) return;
  if (size <= small && mapped >= most) {
    const auto copy = std::make_shared<char[]>(size);
    file.read_at(0, {copy.get(), size});
    size_ = size;
    owner_ = copy;
    return;
  }
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (data == MAP_FAILED) throw_errno("map", path);
  ++mapped;
  size_ = size;
  owner_ = {static_cast<const char*>(data), [size](const char* bytes) {
              ::munmap(const_cast<char*>(bytes), size);
              --mapped;
            }};
}

}  // namespace tasker::base
