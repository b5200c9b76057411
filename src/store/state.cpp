#include "store/state.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/mapping.hpp"
#include "base/names.hpp"
#include "store/format.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

namespace tasker::store {

namespace fs = std::filesystem;

// A state has the magic, a checksum that depends on the task, and what the task saved.
void write_state(const fs::path& directory, const StateName& name, std::string_view state, bool sync) {
  std::string bytes(state_magic);
  detail::put(bytes, base::hash64(state, name.fingerprint.low));
  bytes += state;
  base::atomic_replace(directory / name.to_string(), bytes, sync);
  if (sync) base::sync_directory_and_name(directory);
}

std::optional<std::string> read_state(const fs::path& directory, const StateName& name) {
  const fs::path path = directory / name.to_string();
  if (!base::file_exists(path)) return std::nullopt;
  try {
    const base::Mapping mapping(path);
    std::string_view bytes = mapping.bytes();
    if (!bytes.starts_with(state_magic) || bytes.size() < state_magic.size() + sizeof(std::uint64_t))
      return std::nullopt;
    detail::Reader in(bytes.substr(state_magic.size()));
    const auto checksum = in.number<std::uint64_t>();
    if (base::hash64(in.left(), name.fingerprint.low) != checksum) return std::nullopt;
    return std::string(in.left());
  } catch (const SystemError&) {
    return std::nullopt;
  }
}

void remove_state(const fs::path& directory, const StateName& name) {
  // If the file stays, it only costs space for a while.
  std::error_code ignored;
  fs::remove(directory / name.to_string(), ignored);
}

}  // namespace tasker::store
