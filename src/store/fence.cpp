#include "store/fence.hpp"

#include "base/file.hpp"
#include "base/names.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

#include <cerrno>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {
/// In a fence: the name to which files are renamed in order to be removed.
constexpr const char* removed = "removed";
}  // namespace

Fence::Fence(const fs::path& directory, const std::string& run, std::string_view holder)
    : directory_(directory), path_(fence_path(directory, run)) {
  while (!make(holder)) continue;
}

/// Makes the fence under another name first, so that it appears complete. False if the run that holds the
/// directory has meanwhile removed it as a leftover.
bool Fence::make(std::string_view holder) const {
  const fs::path unfinished = temporary_path(path_);
  base::create_directory(unfinished, 0700);
  try {
    // Another user who may use the directory may have to remove the fence, when this run has died.
    base::set_mode(unfinished, base::mode_of(directory_));
    if (!holder.empty()) {
      base::File file = base::File::create_new(holder_path(unfinished));
      file.write({holder});
      file.close();
    }
    base::rename_file(unfinished, path_);
  } catch (const SystemError&) {
    if (base::file_exists(path_))
      return true;  // a network file system may report failure for a rename that it has done
    if (!base::file_exists(unfinished) && base::file_exists(directory_)) return false;
    remove_fence(unfinished);
    throw;
  }
  return true;
}

Fence::~Fence() {
  if (removed_) return;
  try {
    remove_fence(path_);
  } catch (const std::exception&) {
    // The next run removes it.
  }
}

bool Fence::stands() const { return base::file_exists(path_); }

void Fence::require() const {
  bool taken = false;
  try {
    if (stands()) return;
    taken = base::file_exists(directory_);
  } catch (const SystemError&) {
    return;
  }
  if (taken) throw_taken();
  throw Interrupted(
      directory_.string() +
      " has been removed, by another run that took it over and has finished, or by hand; run the "
      "same command again");
}

void Fence::throw_taken() const {
  throw Interrupted(directory_.string() +
                    " was taken over by another run, which believed this one dead; its results are kept. "
                    "Run the same command again when that run has ended");
}

template <class Step>
auto Fence::act(Step step) const {
  try {
    return step();
  } catch (const base::Missing&) {
    throw_taken();  // the fence is being removed, and this file has gone first
  } catch (const SystemError&) {
    require();
    throw;
  }
}

void Fence::publish(const std::string& name, const fs::path& to) const {
  act([&] { base::rename_file(path_ / name, to); });
}

bool Fence::publish_new(const std::string& name, const fs::path& to) const {
  return act([&] { return base::rename_new(path_ / name, to); });
}

void Fence::replace(const fs::path& to, std::string_view bytes) const {
  act([&] {
    const std::string name = to.filename().string();
    base::File file = base::File::create_new(path_ / name);
    file.write({bytes});
    file.close();
    base::rename_file(path_ / name, to);
  });
}

void Fence::replace_holder(std::string_view holder) const {
  act([&] { base::atomic_replace(holder_path(path_), holder, false); });
}

void Fence::remove(const fs::path& path) const {
  act([&] {
    const fs::file_type type = base::type_of(path);
    if (type == fs::file_type::directory) {
      errno = EISDIR;
      base::throw_errno("remove", path);
    }
    if (type == fs::file_type::not_found) return;
    try {
      base::rename_file(path, path_ / removed);
      // If the next file replaced this one, some file systems would write the next one's bytes to the disk
      // first.
      base::remove_file(path_ / removed);
    } catch (const base::Missing&) {
      // Somebody has removed the file by hand.
    }
  });
}

void Fence::remove_leftovers(const Names& names) const {
  for (const fs::path& path : list_leftovers(names)) {
    try {
      if (base::type_of(path) == fs::file_type::directory)
        remove_fence(path);
      else
        remove(path);
    } catch (const SystemError&) {
      // The leftover is in nobody's way.
    }
  }
}

void Fence::remove_directory() {
  try {
    remove_fence(path_);
    removed_ = true;
    base::remove_directory(directory_);
  } catch (const SystemError&) {
    // The next run removes what is left.
  }
}

void remove_fence(const fs::path& path) {
  base::refuse_link(path);
  // The owner may be alive and add further files, but not as fast as they are removed.
  for (;;) {
    for (const std::string& name : Names(path))
      if (path / name != holder_path(path)) base::remove_file(path / name);
    base::remove_file(holder_path(path));  // last, so that the fence has a known owner until then
    if (base::remove_directory(path)) return;
  }
}

}  // namespace tasker::store
