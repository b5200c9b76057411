#pragma once

#include "store/paths.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace tasker::store {

/// The power of one run over a directory: a subdirectory that no other run shares. Whatever the run publishes
/// or removes, it does by a name in the fence. Whoever takes the directory over removes the fence first. So
/// whatever a late run still tries fails, on network file systems, too (FORMAT.md has the argument).
///
/// An operation that fails because the fence is gone throws Interrupted. Nothing was published or removed
/// then.
class Fence {
 public:
  /// Makes the fence of run `run`. `holder`: the content of the file that says whose fence it is; the fence
  /// appears together with that file.
  Fence(const std::filesystem::path& directory, const std::string& run, std::string_view holder = {});
  /// Removes the fence.
  ~Fence();
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  const std::filesystem::path& path() const { return path_; }

  /// Whether nobody has removed the fence. Throws SystemError if that can't be found out.
  bool stands() const;
  /// Throws Interrupted if the fence is gone; not if that can't be found out at the moment.
  void require() const;

  /// The path at which a file is written before it is published.
  std::filesystem::path unfinished(const std::string& name) const { return path_ / name; }
  /// Renames the finished file `name` of the fence to `to`, in place of what is there.
  void publish(const std::string& name, const std::filesystem::path& to) const;
  /// The same, but only if nothing is at `to`; false if something is.
  bool publish_new(const std::string& name, const std::filesystem::path& to) const;
  /// Makes `bytes` the content of `to`, in one step. It is not synced: when the power goes, bytes may be
  /// lost.
  void replace(const std::filesystem::path& to, std::string_view bytes) const;
  /// Replaces the file that says whose fence it is.
  void replace_holder(std::string_view holder) const;
  /// Removes a file. A missing file is fine.
  void remove(const std::filesystem::path& path) const;
  /// Removes what killed runs left unfinished in the directory, as far as possible. `names`: what is in
  /// there.
  void remove_leftovers(const Names& names) const;

  /// Removes the fence, then the directory if nothing else is left in it.
  void remove_directory();

 private:
  bool make(std::string_view holder) const;
  [[noreturn]] void throw_taken() const;
  template <class Step>
  auto act(Step step) const;

  std::filesystem::path directory_;
  std::filesystem::path path_;
  bool removed_ = false;  // whether this object has removed the fence
};

/// Removes a fence, one's own or another run's, with everything in it. When it returns, the fence's owner has
/// no power any more. Several processes may do so at the same time. Throws SystemError.
void remove_fence(const std::filesystem::path& path);

}  // namespace tasker::store
