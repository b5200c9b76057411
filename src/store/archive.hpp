#pragma once

#include "base/mapping.hpp"
#include "store/archive_format.hpp"

#include <tasker/detail/result_source.hpp>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>

namespace tasker::store {

/// An archive, mapped. Every 64 KiB block is verified when it is touched for the first time; opening touches
/// none.
class Archive final : public detail::ResultSource {
 public:
  /// Throws MismatchError for a file that is not an archive or a newer one, UsageError for a symbolic link,
  /// DamagedError for one whose frame (header, description, size) is damaged.
  explicit Archive(std::filesystem::path path);
  /// Nothing if there is no such file.
  static std::shared_ptr<const Archive> open(const std::filesystem::path& path);

  const Description& description() const { return description_; }
  Fingerprint fingerprint(std::uint64_t index) const;
  /// What holds for task `index` and its neighbours.
  Extent extent_of(std::uint64_t index) const;
  std::uint64_t extent_count() const;
  Extent extent(std::uint64_t number) const;
  /// The result's bytes, or the failure's message.
  std::string_view payload(std::uint64_t index) const;
  /// What the task wrote, as bytes; none where nothing is kept.
  std::string_view output_bytes(std::uint64_t index) const;
  /// Frames of the results of other lists, with checksums of their own; for a FrameReader seeded with the
  /// archive's id.
  std::string_view carried() const;

  /// Whether all bytes are what was written; reads them all.
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
  std::string_view section(const char* name) const;
  std::string_view blocks() const;
  std::string_view verified(std::string_view bytes) const;
  std::string_view element(const char* name, const char* offsets, const std::optional<std::uint64_t>& stride,
                           std::uint64_t index) const;
  void check_sections() const;
  [[noreturn]] void throw_damaged(const std::string& what) const;

  std::filesystem::path path_;
  base::Mapping mapping_;
  Description description_;
  std::string_view table_;
  std::unique_ptr<std::atomic<bool>[]> block_verified_;
};

}  // namespace tasker::store
