#pragma once

#include "base/file.hpp"
#include "base/mapping.hpp"
#include "store/fence.hpp"
#include "store/fingerprint.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace tasker::store {

/// Writes down which fingerprint each task has now. A directory has such a list where some of its records are
/// for other tasks than their index says, since the list of arguments has changed: a reader of the
/// directory doesn't know the arguments. It appears in one atomic step.
class ListWriter {
 public:
  /// Of the fence's directory. The fence must outlive this.
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

/// The list of a directory, mapped.
class List {
 public:
  /// Nothing if the directory has none. Throws DamagedError for a damaged one.
  static std::optional<List> read(const std::filesystem::path& directory);

  std::uint64_t size() const;
  Fingerprint operator[](std::uint64_t index) const;

 private:
  explicit List(base::Mapping mapping) : mapping_(std::move(mapping)) {}
  base::Mapping mapping_;
};

}  // namespace tasker::store
