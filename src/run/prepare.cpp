#include "run/prepare.hpp"

#include "base/file.hpp"
#include "run/map_end.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace tasker::runtime {

namespace {

using Encode = decltype(detail::MapCall::encode_arguments);

void require_file_name(const std::filesystem::path& path) {
  if (path.empty())
    throw UsageError("map was given an empty path; name the file that its results shall be in");
  if (!path.has_filename() || base::is_directory(path))
    throw UsageError(fmt::format("{} names a directory; name a file that the results shall be in, such as {}",
                                 path.string(), (path / "results.dat").string()));
}

/// Tells, inside a catch, which argument from `first` up to `last` it is that can't be made.
[[noreturn]] void throw_argument(const std::string& name, const Encode& encode, std::uint64_t first,
                                 std::uint64_t last) {
  const End why = describe(std::current_exception());
  try {
    for (std::string out; first + 1 < last; ++first, out.clear()) encode(first, first + 1, 1, out);
  } catch (...) {
    // This is the one.
  }
  throw Error(fmt::format("{}: the argument of task {} could not be made: {}", name, first, why.message),
              why.exit_code);
}

}  // namespace

detail::MapCall prepared(detail::MapCall call) {
  require_file_name(call.path);
  call.encode_arguments = [name = call.path.string(), encode = std::move(call.encode_arguments)](
                              std::uint64_t first, std::uint64_t last, std::size_t limit, std::string& out) {
    try {
      return encode(first, last, limit, out);
    } catch (...) {
      throw_argument(name, encode, first, last);
    }
  };
  call.path = base::absolute(call.path);
  return call;
}

}  // namespace tasker::runtime
