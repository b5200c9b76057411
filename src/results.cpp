#include "base/file.hpp"
#include "store/archive.hpp"
#include "store/paths.hpp"
#include "store/snapshot.hpp"

#include <tasker/detail/result_source.hpp>
#include <tasker/error.hpp>

#include <stdexcept>

namespace tasker::detail {

namespace fs = std::filesystem;

std::shared_ptr<const ResultSource> open_results(const fs::path& path, const std::string& result_type) {
  const fs::path directory = base::is_directory(path) ? path : store::directory_of(path);
  std::shared_ptr<const ResultSource> source;
  std::string type;
  if (!base::is_directory(path) && base::file_exists(path)) {
    const auto archive = store::Archive::open(path);
    type = archive->description().manifest.result_type;
    source = archive;
  } else if (base::is_directory(directory)) {
    const auto snapshot = std::make_shared<const store::Snapshot>(directory);
    type = snapshot->manifest().result_type;
    source = snapshot;
  } else {
    throw SystemError("there are no results at " + path.string() + "; check the path");
  }
  if (type != result_type)
    throw MismatchError(path.string() + " holds results of type " + type + ", not of " + result_type);
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

void throw_undecodable(const ResultSource& source, const char* what, std::uint64_t index,
                       const std::exception& why) {
  throw MismatchError(source.path().string() + ", " + what + " " + std::to_string(index) +
                      ": its bytes can't be decoded as the " + what + " type (" + why.what() +
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
