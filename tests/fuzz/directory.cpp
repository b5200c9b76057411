// The small files of a directory: the first byte says which of them the others are.
#include "fuzz/fuzz.hpp"
#include "store/format.hpp"
#include "store/ghosts.hpp"
#include "store/hold.hpp"
#include "store/list.hpp"
#include "store/manifest_json.hpp"
#include "store/snapshot.hpp"

#include <cstdlib>

namespace tasker::fuzz {

namespace {

namespace fs = std::filesystem;

void use_manifest(const fs::path& directory, std::string_view bytes) {
  test::write_file(store::manifest_path(directory), bytes);
  accepts([&] {
    const auto manifest = store::read_manifest(directory);
    if (!manifest) return;
    // What is believed can be said again.
    store::write_manifest(store::Fence(directory, "fuzz"), *manifest);
    if (store::read_manifest(directory) != manifest) std::abort();
  });
  accepts([&] { store::recover_manifest(directory); });
}

/// Whoever it names, the directory is taken or it is not: without waiting for a beat that may come.
void use_hold(const fs::path& directory, std::string_view bytes) {
  using namespace std::chrono_literals;
  const fs::path fence = store::fence_path(directory, "other");
  fs::create_directory(fence);
  test::write_file(store::holder_path(fence), bytes);
  accepts([&] { store::Hold(directory, {"run", "job"}, {10s, 0ms}); });
  accepts([&] { store::Ghosts(directory).gone(); });
}

void use_list(const fs::path& directory, std::string_view bytes) {
  test::write_file(store::list_path(directory), bytes);
  accepts([&] {
    const auto list = store::List::read(directory);
    for (std::uint64_t i = 0; i < list->size(); ++i) (void)(*list)[i];
  });
}

void repair_list(std::string& bytes) {
  using store::list_magic;
  if (bytes.size() < list_magic.size() + sizeof(std::uint64_t)) return;
  bytes.replace(0, list_magic.size(), list_magic);
  const std::size_t size = bytes.size() - list_magic.size() - sizeof(std::uint64_t);
  bytes.resize(bytes.size() - size % sizeof(Digest));
  const std::size_t end = bytes.size() - sizeof(std::uint64_t);
  std::uint64_t checksum = base::hash64(list_magic);
  for (std::size_t at = list_magic.size(); at < end; at += store::block_size)
    checksum =
        base::hash64(std::string_view(bytes).substr(at, std::min(store::block_size, end - at)), checksum);
  set(bytes, end, checksum);
}

/// nlohmann's dump recurses.
bool is_deep(std::string_view text) {
  return std::count(text.begin(), text.end(), '[') + std::count(text.begin(), text.end(), '{') > 1000;
}

void repair_sealed(std::string& text) {
  if (is_deep(text)) return;
  auto j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object()) return;
  j.erase("checksum");
  text = store::seal(j);
}

}  // namespace

void use(std::string_view input) {
  if (input.empty()) return;
  static const test::TemporaryDirectory home;
  const fs::path directory = home.path() / "words.mpi";
  fs::remove_all(directory);
  fs::create_directory(directory);
  const std::string_view bytes = input.substr(1);
  switch (input[0]) {
    case 'm': return use_manifest(directory, bytes);
    case 'h': return use_hold(directory, bytes);
    case 'l': return use_list(directory, bytes);
    default: return;
  }
}

void repair(std::string& bytes) {
  if (bytes.empty()) return;
  std::string rest = bytes.substr(1);
  bytes.resize(1);
  if (bytes[0] == 'l')
    repair_list(rest);
  else
    repair_sealed(rest);
  bytes += rest;
}

}  // namespace tasker::fuzz
