#pragma once

#include "store/catalog.hpp"
#include "store/list.hpp"

#include <tasker/detail/result_source.hpp>

#include <memory>

namespace tasker::store {

/// The results in a directory, live or dead, as far as it had got when this was made. Whether the run ended
/// and removed it meanwhile is for the caller to find out.
class Snapshot final : public detail::ResultSource {
 public:
  /// Throws MismatchError if it is not such a directory, or a newer one.
  explicit Snapshot(std::filesystem::path directory);

  std::uint64_t size() const override { return manifest_.tasks; }
  const std::filesystem::path& path() const override { return directory_; }
  std::optional<std::string_view> result(std::uint64_t index) const override;
  std::optional<std::string_view> failure(std::uint64_t index) const override;
  std::optional<std::string_view> argument(std::uint64_t index) const override;
  std::string result_type() const override { return manifest_.result_type; }
  std::string argument_type() const override { return manifest_.argument_type; }
  std::optional<Info> info(std::uint64_t index) const override;
  std::optional<Output> output(std::uint64_t index) const override;

 private:
  /// What comes out counts if `journals` are still those of the directory.
  void read(const std::vector<JournalName>& journals);
  void match(const List& list);
  std::filesystem::path directory_;
  Manifest manifest_;
  std::unique_ptr<Catalog> catalog_;
};

/// The manifest of a directory, from its journals' headers if its own is missing or damaged; nothing in a
/// directory that holds neither. Throws MismatchError for a directory that is not Tasker's.
std::optional<Manifest> recover_manifest(const std::filesystem::path& directory);

}  // namespace tasker::store
