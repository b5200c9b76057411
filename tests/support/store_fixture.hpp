#pragma once

#include "store/archive.hpp"
#include "store/catalog.hpp"
#include "store/fence.hpp"
#include "store/journal.hpp"
#include "store/match.hpp"
#include "store/paths.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tasker::test {

/// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A file of the sources, by its path from the top.
std::filesystem::path source_file(const std::string& path);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view bytes);
void shrink_to(const std::filesystem::path& path, std::uint64_t size);
/// Bit 0 is the lowest of the first byte.
void flip_bit(const std::filesystem::path& path, std::uint64_t bit);
/// Damages both headers of a journal.
void lose_header(const std::filesystem::path& path);
void put_at(const std::filesystem::path& path, std::uint64_t offset, std::string_view bytes);
/// Every file below `directory` with its bytes: equal if nothing was touched.
std::vector<std::pair<std::string, std::string>> everything_in(const std::filesystem::path& directory);

/// What all maps here declare.
inline constexpr Digest declared{7, 0};
store::Fingerprint fingerprint_of(std::string_view argument);

/// A record that owns its bytes.
struct Kept {
  std::uint64_t index = 0;
  std::string argument = {};
  std::string payload = {};
  store::Outcome outcome = store::Outcome::done;
  std::uint8_t binding = 0;
  std::uint32_t attempt = 1;
  std::string output = {};
};
using Frames = std::vector<std::vector<Kept>>;

/// A frame of these records, for a journal with this seed. Fingerprints are those of `fingerprint_of`.
std::string frame_of(const std::vector<Kept>& records, std::uint64_t seed = 0,
                     const store::FrameInfo& info = {});

/// A directory with records and the archive it becomes, without a program around them.
class Store {
 public:
  Store();

  std::filesystem::path file() const { return home_.path() / "words"; }
  std::filesystem::path directory() const { return store::directory_of(file()); }
  std::filesystem::path path_of(const store::JournalName& name) const {
    return directory() / name.to_string();
  }
  /// This test's power over the directory, from the first use on.
  const store::Fence& fence() const { return fence_ ? *fence_ : fence_.emplace(directory(), "test"); }
  /// Nothing is in the directory any more.
  void clear();
  std::vector<store::JournalName> journals() const { return store::list_journals(directory()); }

  /// A journal of run `sequence`, whose map had `tasks` tasks, written by `rank`.
  store::JournalName journal(std::uint32_t sequence, int rank, std::uint64_t tasks, const Frames& frames);
  /// All records of the directory, for `tasks` tasks.
  std::unique_ptr<store::Catalog> catalog(std::uint64_t tasks) const;
  std::shared_ptr<const store::Archive> merge(const store::Catalog& catalog, bool keep_arguments = true);
  std::shared_ptr<const store::Archive> archive() const { return store::Archive::open(file()); }

 private:
  TemporaryDirectory home_;
  mutable std::optional<store::Fence> fence_;
};

store::Manifest manifest_for(std::uint64_t tasks);

/// Matches `arguments` with what `catalog` holds; appends the missing indices to `missing`.
store::MatchResult match(store::Catalog& catalog, const std::vector<std::string>& arguments,
                         std::vector<std::uint64_t>& missing);

/// A codec's bytes of a string.
std::string encoded(const std::string& text);

}  // namespace tasker::test
