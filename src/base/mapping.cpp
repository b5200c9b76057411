#include "base/mapping.hpp"

#include "base/file.hpp"

#include <sys/mman.h>

#include <atomic>
#include <span>
#include <utility>

namespace tasker::base {

namespace {

std::atomic<std::size_t> mapped = 0;
constexpr std::size_t small = std::size_t{1} << 16;

/// As many bytes as there are, or as fit; how many.
std::size_t read_all(File& file, std::span<char> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const std::size_t got = file.read(buffer.subspan(done)).size();
    if (got == 0) break;
    done += got;
  }
  return done;
}

}  // namespace

Mapping::Mapping(const std::filesystem::path& path) {
  File file = File::open_read(path);
  const auto size = static_cast<std::size_t>(file.size());
  if (size == 0) return;
  if (size <= small && mapped >= most) {
    copy_ = std::make_unique_for_overwrite<char[]>(size);
    bytes_ = {copy_.get(), read_all(file, {copy_.get(), size})};
    return;
  }
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (data == MAP_FAILED) throw_errno("map", path);
  bytes_ = {static_cast<const char*>(data), size};
  ++mapped;
}

Mapping::Mapping(Mapping&& other) noexcept { *this = std::move(other); }

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(copy_, other.copy_);
  return *this;
}

Mapping::~Mapping() {
  if (copy_ || bytes_.empty()) return;
  ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  --mapped;
}

}  // namespace tasker::base
