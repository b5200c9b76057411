#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

namespace tasker::base {

/// The bytes that a file has when it is opened, mapped, so that they take no memory of their own. Linux
/// allows a process 65,530 mappings, and a run may have more journals than that: once many files are mapped,
/// small ones are read into memory instead. Empty files are fine.
class Mapping {
 public:
  Mapping() = default;
  /// Throws SystemError.
  explicit Mapping(const std::filesystem::path& path);

  std::string_view bytes() const { return {owner_.get(), owner_ ? size_ : 0}; }

  /// With this many files mapped, small ones are read.
  static constexpr std::size_t most = std::size_t{1} << 14;

 private:
  std::shared_ptr<const char[]> owner_;
  std::size_t size_ = 0;
};

}  // namespace tasker::base
