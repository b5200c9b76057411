#pragma once

#include "base/mapping.hpp"
#include "store/archive_format.hpp"

#include <tasker/detail/result_source.hpp>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>

namespace tasker::store {

/// A mapped archive. Every 64 KiB block is verified when it is first touched; opening touches none.
class Archive final : public detail::ResultSource {
 public:
  /// Throws MismatchError for a file that is no archive or a newer one, UsageError for a symbolic link,
  /// DamagedError if header, description or size is damaged.
  explicit Archive(std::filesystem::path path);
  /// Nothing if there is no such file.
  static std::shared_ptr<const Archive> open(const std::filesystem::path& path);

  const Description& description() const { return description_; }
  bool has_arguments() const { return arguments_.has_value(); }
  /// What identifies the argument of task `index`, which must not be without a record.
  Fingerprint fingerprint(std::uint64_t index) const;
  /// Whether the records of `count` tasks from `first` on are those of these arguments, which have the same
  /// size, one behind the other. They are hashed only if they have to be.
  bool is_of(std::uint64_t first, std::string_view arguments, std::uint64_t count,
             const Fingerprinter& fingerprinter) const;
  /// Whether fingerprints are stored. Otherwise they are those of the arguments.
  bool has_fingerprints() const { return !fingerprints_.empty(); }
  /// The extent that task `index` belongs to.
  Extent extent_of(std::uint64_t index) const;
  std::uint64_t extent_count() const;
  Extent extent(std::uint64_t number) const;
  /// The result's bytes, or the failure's message.
  std::string_view payload(std::uint64_t index) const;
  /// What the task wrote, encoded (decode_output); empty if nothing is kept.
  std::string_view output_bytes(std::uint64_t index) const;
  /// The carried results, which belong to other lists of arguments: frames with their own checksums, for a
  /// FrameReader seeded with the archive's id.
  std::string_view carried() const;

  /// Whether all bytes are what was written. Reads the whole file.
  bool is_whole() const;

  std::uint64_t size() const override { return description_.manifest.tasks; }
  const std::filesystem::path& path() const override { return path_; }
  std::optional<std::string_view> result(std::uint64_t index) const override;
  std::optional<std::string_view> failure(std::uint64_t index) const override;
  std::optional<std::string_view> argument(std::uint64_t index) const override;
  std::string result_type() const override { return description_.manifest.result_type; }
  std::string argument_type() const override { return description_.manifest.argument_type; }
  std::optional<Info> info(std::uint64_t index) const override;
  std::optional<Output> output(std::uint64_t index) const override;

 private:
  /// A section of values, one for each task.
  struct Values {
    std::string_view bytes;
    std::string_view offsets;
    std::optional<std::uint64_t> stride;
  };
  std::string_view section(const char* name) const;
  Values values(const char* name, const char* offsets, const std::optional<std::uint64_t>& stride) const;
  std::string_view blocks() const;
  std::string_view verified(std::string_view bytes) const;
  std::string_view element(const Values& values, std::uint64_t index) const;
  void check_size(const char* name, std::uint64_t each, std::uint64_t elements) const;
  void open_sections();
  [[noreturn]] void throw_damaged(const std::string& what) const;

  std::filesystem::path path_;
  base::Mapping mapping_;
  Description description_;
  Digest declared_;  // by its map
  Values results_;
  std::optional<Values> arguments_;
  std::string_view fingerprints_;
  std::string_view table_;
  std::unique_ptr<std::atomic<bool>[]> block_verified_;
};

}  // namespace tasker::store
