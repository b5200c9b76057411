#include "store/ghosts.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/names.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

std::chrono::milliseconds time_of(const fs::path& path) {
  const auto text = base::read_small_file(path);
  const auto j = text ? unseal(*text) : std::nullopt;
  try {
    if (j) return std::chrono::milliseconds(whole_number<std::uint32_t>(j->at("ghosts")));
  } catch (const nlohmann::json::exception&) {
    // As damaged as one without a checksum.
  }
  return unknown_ghosts;
}

}  // namespace

void leave_ghosts(const fs::path& directory, const std::string& run) {
  const fs::path holder = holder_path(fence_path(directory, run));
  try {
    base::rename_file(holder, ghosts_path(directory, run));
  } catch (const SystemError&) {
    if (base::file_exists(holder)) throw;  // else another one was faster
  }
}

Ghosts::Ghosts(const fs::path& directory) {
  for (const std::string& run : list_ghosts(directory))
    gone_[run] = Clock::now() + time_of(ghosts_path(directory, run));
}

bool Ghosts::may_write(std::uint64_t run, Clock::time_point now) const {
  const auto ghost = gone_.find(base::to_hex(run));
  return ghost != gone_.end() && now < ghost->second;
}

Ghosts::Clock::time_point Ghosts::gone() const {
  Clock::time_point last;  // the distant past
  for (const auto& [run, gone] : gone_) last = std::max(last, gone);
  return last;
}

void Ghosts::forget(const Fence& fence) const {
  for (const auto& [run, gone] : gone_) fence.remove(ghosts_path(fence.directory(), run));
}

}  // namespace tasker::store
