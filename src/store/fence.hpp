#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace tasker::store {

/// The power of one run over a directory: a subdirectory that no other run shares. All that the run publishes
/// or removes goes by a name in it. Whoever takes the directory over removes the fence first, so whatever a
/// late run still tries fails by name, on network file systems, too (FORMAT.md has the argument).
///
/// What fails since the fence has gone throws Interrupted; nothing was published or removed then.
class Fence {
 public:
  /// Makes the fence of run `run`. With `holder`, the file that says whose it is is in it from the begin.
  Fence(const std::filesystem::path& directory, const std::string& run, std::string_view holder = {});
  /// Removes it.
  ~Fence();
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  const std::filesystem::path& path() const { return path_; }

  /// Whether nobody has removed it. Throws SystemError where that can't be known.
  bool stands() const;
  /// Throws Interrupted if it has gone. What can't be known for the moment is no reason.
  void require() const;

  /// Where a file is written that is to be published.
  std::filesystem::path unfinished(const std::string& name) const { return path_ / name; }
  /// Gives the finished file `name` its name `to`, in place of what is there.
  void publish(const std::string& name, const std::filesystem::path& to) const;
  /// The same where nothing may be at `to`; false if something is.
  bool publish_new(const std::string& name, const std::filesystem::path& to) const;
  /// After this, and whatever dies meanwhile, `to` holds either what it held before or `bytes`, synced.
  void replace(const std::filesystem::path& to, std::string_view bytes) const;
  /// Removes a file; one that is not there is fine.
  void remove(const std::filesystem::path& path) const;
  /// Removes what killed runs left half-made in the directory, as far as that is possible.
  void remove_leftovers() const;

  /// Removes the fence, then its directory if nothing else is left there.
  void remove_directory();

 private:
  bool make(std::string_view holder) const;
  [[noreturn]] void throw_taken() const;
  template <class Step>
  auto act(Step step) const;

  std::filesystem::path directory_;
  std::filesystem::path path_;
  bool removed_ = false;  // by this object
};

/// Removes somebody's fence with all that is in it. When it returns, the fence's owner has no power any more.
/// Any number of processes may do so at a time. Throws SystemError.
void remove_fence(const std::filesystem::path& path);

}  // namespace tasker::store
