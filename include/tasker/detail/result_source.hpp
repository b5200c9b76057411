#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tasker {

/// How a result came about. Tiny tasks are recorded together: their times and memory are those of all of
/// them.
struct Info {
  std::uint32_t attempts = 0;  ///< 1 if the first try succeeded.
  std::chrono::system_clock::time_point
      start;                             ///< By the clock of the host; for reading, nothing depends on it.
  std::chrono::nanoseconds duration{0};  ///< Wall time.
  std::chrono::nanoseconds cpu_time{0};  ///< Of the thread that ran the task.
  std::uint64_t memory_high_water = 0;   ///< Of the process, in bytes, when the task ended.
  std::uint64_t together = 1;            ///< How many tasks these figures are for.
  std::string host;
  int rank = 0;
};

/// What a task, and the programs that it started, wrote to stdout and stderr: of each up to 64 KiB. Of more,
/// the first and the last 32 KiB, and between them a line that says how much is left out.
struct Output {
  std::string out;
  std::string err;
};

namespace detail {

/// Where results are read from: an archive, or a directory as far as it got. Views are valid while it lives.
/// All throw DamagedError for bytes whose checksum fails, SystemError for a file that can't be read.
class ResultSource {
 public:
  virtual ~ResultSource() = default;
  virtual std::uint64_t size() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  /// The result's bytes; nothing if the task failed or was not computed.
  virtual std::optional<std::string_view> result(std::uint64_t index) const = 0;
  /// Why the task failed; nothing if it did not.
  virtual std::optional<std::string_view> failure(std::uint64_t index) const = 0;
  /// The argument's bytes; nothing if they were not kept.
  virtual std::optional<std::string_view> argument(std::uint64_t index) const = 0;
  virtual std::string result_type() const = 0;
  virtual std::string argument_type() const = 0;
  /// Nothing if there is no record of this task.
  virtual std::optional<Info> info(std::uint64_t index) const = 0;
  /// Nothing if no output of this task is kept.
  virtual std::optional<Output> output(std::uint64_t index) const = 0;
};

/// Opens an archive or a directory; throws MismatchError if its results are not of `result_type`, UsageError
/// if nothing is there.
std::shared_ptr<const ResultSource> open_results(const std::filesystem::path& path,
                                                 const std::string& result_type);

/// The exceptions of Results, out of line. No source is an empty one.
[[noreturn]] void throw_out_of_range(const ResultSource* source, std::uint64_t index);
[[noreturn]] void throw_missing(const ResultSource& source, std::uint64_t index);
[[noreturn]] void throw_no_argument(const ResultSource& source, std::uint64_t index);
/// Tells, inside a catch, why there is no value. `what`: "result" or "argument".
[[noreturn]] void throw_undecodable(const ResultSource& source, const char* what, std::uint64_t index);
void require_argument_type(const ResultSource& source, const std::string& type);

}  // namespace detail
}  // namespace tasker
