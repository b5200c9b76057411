#include "base/exceptions.hpp"
#include "base/file.hpp"
#include "store/archive.hpp"
#include "store/paths.hpp"
#include "store/snapshot.hpp"

#include <tasker/detail/result_source.hpp>
#include <tasker/error.hpp>

#include <algorithm>
#include <stdexcept>

namespace tasker::detail {

namespace fs = std::filesystem;

namespace {

using ArchivePointer = std::shared_ptr<const store::Archive>;

/// The path behind the links that the user has named: only those are followed.
fs::path resolved(fs::path path) {
  std::error_code error;
  for (int links = 0; links < 40 && fs::is_symlink(path, error); ++links)
    path = path.parent_path() / fs::read_symlink(path, error);
  return path;
}

/// The archive; nothing if it is damaged, since the directory beside it can be read as well.
ArchivePointer readable_archive(const fs::path& file) {
  try {
    return store::Archive::open(file);
  } catch (const Error&) {
    return nullptr;
  }
}

std::uint64_t id_of(const ArchivePointer& archive) { return archive ? archive->description().id : 0; }

/// Whether all that `directory` holds was merged into `archive`: its run has ended, and is removing it.
bool is_merged(const fs::path& directory, const store::Archive& archive) {
  const auto& merged = archive.description().merged;
  return std::ranges::all_of(store::list_journals(directory), [&](const store::JournalName& name) {
    return std::ranges::find(merged, name.to_string()) != merged.end();
  });
}

/// A run that ends gives the archive its name, then removes the directory. So what was read in a directory,
/// or not found there, counts only if neither has happened meanwhile; otherwise this looks again.
std::shared_ptr<const ResultSource> find_results(const fs::path& path) {
  for (;;) {
    const fs::path beside = store::directory_of(path);
    const bool named_directory =
        base::is_directory(path) ||
        (!base::file_exists(path) && !base::is_directory(beside) && !store::file_of(path).empty());
    const fs::path directory = named_directory ? path : beside;
    const fs::path file = named_directory ? store::file_of(path) : path;
    const bool there = base::is_directory(directory);
    const ArchivePointer archive =
        named_directory && there ? readable_archive(file) : store::Archive::open(file);
    if (archive && (!named_directory || !there || is_merged(directory, *archive))) return archive;
    if (!there) throw UsageError("there are no results at " + path.string() + "; check the path");
    const auto is_unchanged = [&] {
      return base::is_directory(directory) && id_of(readable_archive(file)) == id_of(archive);
    };
    try {
      auto snapshot = std::make_shared<const store::Snapshot>(directory);
      if (is_unchanged()) return snapshot;
    } catch (const Error&) {
      if (is_unchanged()) throw;
    }
  }
}

}  // namespace

std::shared_ptr<const ResultSource> open_results(const fs::path& path, const std::string& result_type) {
  auto source = find_results(resolved(path));
  if (source->result_type() != result_type)
    throw MismatchError(path.string() + " holds results of type " + source->result_type() + ", not of " +
                        result_type);
  return source;
}

void throw_out_of_range(const ResultSource* source, std::uint64_t index) {
  const std::string what =
      source ? source->path().string() + " has " + std::to_string(source->size()) + " results"
             : "these results are empty";
  throw std::out_of_range(what + ", there is no " + std::to_string(index));
}

void throw_missing(const ResultSource& source, std::uint64_t index) {
  const auto failure = source.failure(index);
  throw MissingResult(source.path().string() + ": task " + std::to_string(index) +
                      (failure ? " failed: " + std::string(*failure) : std::string(" was not computed")) +
                      "; find(i) asks without an exception");
}

void throw_undecodable(const ResultSource& source, const char* what, std::uint64_t index) {
  const std::string why = base::text_of(std::current_exception());
  throw MismatchError(source.path().string() + ", " + what + " " + std::to_string(index) +
                      ": its bytes can't be decoded as the " + what + " type (" + why +
                      "); if its serialize has changed, change Options::version");
}

void throw_no_argument(const ResultSource& source, std::uint64_t index) {
  throw MissingResult(source.path().string() + " has no argument of task " + std::to_string(index) +
                      "; set Options::keep_arguments");
}

void require_argument_type(const ResultSource& source, const std::string& type) {
  if (source.argument_type() != type)
    throw MismatchError(source.path().string() + " holds arguments of type " + source.argument_type() +
                        ", not of " + type);
}

}  // namespace tasker::detail
