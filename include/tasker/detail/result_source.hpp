#pragma once

#include <tasker/info.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::detail {

/// Where results are read from: an archive, or a directory as far as its run got. Views are valid while the
/// source lives. All throw DamagedError for bytes whose checksum fails, SystemError if a file can't be read.
class ResultSource {
 public:
  virtual ~ResultSource() = default;
  virtual std::uint64_t size() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  /// The result's bytes; nothing if the task failed or was not computed.
  virtual std::optional<std::string_view> result(std::uint64_t index) const = 0;
  /// Why the task failed; nothing if it did not fail.
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

/// Opens an archive or a directory. Throws MismatchError if results are not of `result_type`, UsageError if
/// nothing is there.
std::shared_ptr<const ResultSource> open_results(const std::filesystem::path& path,
                                                 const std::string& result_type);

/// The exceptions of Results, out of line. A null `source` stands for empty results.
[[noreturn]] void throw_out_of_range(const ResultSource* source, std::uint64_t index);
[[noreturn]] void throw_missing(const ResultSource& source, std::uint64_t index);
[[noreturn]] void throw_no_argument(const ResultSource& source, std::uint64_t index);
/// To be called inside a catch: says why the bytes don't decode. `what`: "result" or "argument".
[[noreturn]] void throw_undecodable(const ResultSource& source, const char* what, std::uint64_t index);
void require_argument_type(const ResultSource& source, const std::string& type);

}  // namespace tasker::detail
