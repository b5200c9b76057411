#pragma once

#include "store/catalog.hpp"
#include "store/list.hpp"

#include <tasker/detail/result_source.hpp>

#include <memory>

namespace tasker::store {

/// The results in a directory, of a live or a dead run, as far as that run had got at construction. The
/// caller must find out whether the run has ended and removed the directory meanwhile.
class Snapshot final : public detail::ResultSource {
 public:
  /// Throws MismatchError if `directory` is not Tasker's, or of a newer format.
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
  /// What it reads counts only if `journals` are still the directory's journals afterwards.
  void read(const std::vector<JournalName>& journals);
  void match(const List& list);
  std::filesystem::path directory_;
  Manifest manifest_;
  std::unique_ptr<Catalog> catalog_;
};

/// The manifest of a directory; if that is missing or damaged, the one in its journals' headers; nothing if
/// there is neither. Throws MismatchError for a directory that is not Tasker's.
std::optional<Manifest> recover_manifest(const std::filesystem::path& directory);

}  // namespace tasker::store
