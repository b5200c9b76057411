#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

namespace tasker::base {

/// The bytes of a file, as long as it was when opened: mapped, so that they take no memory of their own. A
/// process may have only so many mappings (Linux: 65,530, whoever made them), and a run may have more
/// journals than that, so small files are read instead where many are mapped already. Empty files are fine.
class Mapping {
 public:
  Mapping() = default;
  /// Throws SystemError.
  explicit Mapping(const std::filesystem::path& path);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  std::string_view bytes() const { return bytes_; }

  /// So many files are mapped before small ones are read.
  static constexpr std::size_t most = std::size_t{1} << 14;

 private:
  std::string_view bytes_;
  std::unique_ptr<char[]> copy_;  // of what was read
};

}  // namespace tasker::base
