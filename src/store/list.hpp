#pragma once

#include "base/file.hpp"
#include "base/mapping.hpp"
#include "store/fence.hpp"
#include "store/record.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace tasker::store {

/// Writes the list of a directory: the fingerprint that each task has now. A directory has a list if its list
/// of arguments has changed, so that some records are for other tasks than their index says. A reader of the
/// directory needs it, since it does not know the arguments. The list appears in one atomic step.
class ListWriter {
 public:
  /// Writes the list of the fence's directory. The fence must outlive this object.
  explicit ListWriter(const Fence& fence);
  void append(const Fingerprint& fingerprint);
  void publish();

 private:
  void write_block();
  const Fence& fence_;
  base::File file_;
  std::string block_;
  std::uint64_t checksum_;
};

/// The list of a directory, mapped for reading.
class List {
 public:
  /// Nothing if the directory has no list. Throws DamagedError for a damaged one.
  static std::optional<List> read(const std::filesystem::path& directory);

  std::uint64_t size() const { return fingerprints_.size() / sizeof(Fingerprint); }
  Fingerprint operator[](std::uint64_t index) const;

 private:
  explicit List(base::Mapping mapping) : mapping_(std::move(mapping)) {}
  base::Mapping mapping_;
  std::string_view fingerprints_;  // 16 bytes each
};

}  // namespace tasker::store
