#include <tasker/detail/function.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tasker::detail {

namespace {

bool is_mapped(std::uintptr_t address) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  unsigned char resident = 0;
  // The number may be an address. NOLINTNEXTLINE(performance-no-int-to-ptr)
  return address >= page && ::mincore(reinterpret_cast<void*>(address & ~(page - 1)), 1, &resident) == 0;
}

}  // namespace

void drop_addresses(std::string& bytes) {
  for (std::size_t at = 0; at + sizeof(std::uintptr_t) <= bytes.size(); at += sizeof(std::uintptr_t)) {
    std::uintptr_t word = 0;
    std::memcpy(&word, &bytes[at], sizeof word);
    if (is_mapped(word)) std::memset(&bytes[at], 0, sizeof word);
  }
}

}  // namespace tasker::detail
