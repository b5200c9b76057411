#include "runtime/archive_path.hpp"

#include "base/file.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>

#include <climits>

namespace tasker::runtime {

namespace {

/// Names in the directory have fewer letters.
constexpr std::size_t longest_inside = 128;

void require_file_name(const std::filesystem::path& path) {
  if (path.empty())
    throw UsageError("map was given an empty path; name the file that its results shall be in");
  const std::filesystem::path directory = store::directory_of(base::absolute(path));
  if (directory.filename().native().size() > NAME_MAX ||
      directory.native().size() + longest_inside > PATH_MAX)
    throw UsageError(
        fmt::format("the name {} is too long, since {} is to be beside the file; choose a shorter one",
                    path.string(), directory.filename().string()));
  if (!path.has_filename() || base::is_directory(path))
    throw UsageError(fmt::format("{} names a directory; name a file that the results shall be in, such as {}",
                                 path.string(), (path / "results.dat").string()));
}

}  // namespace

std::filesystem::path archive_path(const std::filesystem::path& path) {
  require_file_name(path);
  return base::absolute(path);
}

}  // namespace tasker::runtime
