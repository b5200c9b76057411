#include "runtime/prepare.hpp"

#include "base/file.hpp"
#include "base/process.hpp"
#include "store/paths.hpp"
#include "talk/map_end.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <utility>

namespace tasker::runtime {

namespace {

/// Seconds; no task lasts longer.
constexpr double longest_expected = 1e8;

using Encode = decltype(detail::MapCall::encode_arguments);

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

/// Tells, inside a catch, which argument from `first` up to `last` it is that can't be made.
[[noreturn]] void throw_argument(const std::string& name, const Encode& encode, std::uint64_t first,
                                 std::uint64_t last) {
  const talk::End why = talk::describe(std::current_exception());
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
    const std::string where = "the arguments of " + name;
    try {
      const base::NoCopies guard(where);
      return encode(first, last, limit, out);
    } catch (...) {
      throw_argument(name, encode, first, last);
    }
  };
  if (call.expected)
    call.expected = [name = call.path.string(), expected = std::move(call.expected)](std::uint64_t index) {
      try {
        const base::NoCopies guard("tasker::expected");
        const double seconds = expected(index);
        return std::isfinite(seconds) ? std::clamp(seconds, 0.0, longest_expected) : longest_expected;
      } catch (...) {
        const talk::End why = talk::describe(std::current_exception());
        throw Error(fmt::format("{}: how long task {} lasts could not be said: {}", name, index, why.message),
                    why.exit_code);
      }
    };
  call.path = base::absolute(call.path);
  return call;
}

}  // namespace tasker::runtime
