#include "base/file.hpp"
#include "base/hash.hpp"

#include <tasker/inputs.hpp>

#include <vector>

namespace tasker::detail {

void append_part(std::string& bytes, const File& file) {
  auto input = base::File::open_input(file.path);
  std::vector<char> buffer(std::size_t{1} << 20);
  const Digest digest = base::hash128([&] { return input.read(buffer); });
  bytes += "file=";
  put(bytes, digest.low);
  put(bytes, digest.high);
}

Digest digest_of(std::string_view bytes) { return base::hash128(bytes); }

}  // namespace tasker::detail
