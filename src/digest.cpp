#include "base/file.hpp"
#include "base/hash.hpp"

#include <tasker/digest.hpp>

namespace tasker::detail {

void append_part(std::string& bytes, const File& file) {
  const base::Mapping content(file.path);
  const Digest digest = base::hash128(content.bytes());
  bytes += "file=";
  put(bytes, digest.low);
  put(bytes, digest.high);
}

Digest digest_of(std::string_view bytes) { return base::hash128(bytes); }

}  // namespace tasker::detail
