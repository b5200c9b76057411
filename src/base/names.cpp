#include "base/names.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/retried.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace tasker::base {

namespace {

/// Whether the file system does not know the operation.
bool is_unknown(int error) { return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP; }

[[noreturn]] void throw_not_renamed(const std::filesystem::path& from, const std::filesystem::path& to) {
  const int error = errno;
  if (error == ENOENT && !file_exists(from))
    throw Missing("cannot create " + to.string() + ": " + from.string() + " is gone");
  throw_errno("create", to, error);
}

enum class Linked { yes, taken, impossible };

/// Gives a second name to a file that has one.
Linked link_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (retried([&] { return ::link(from.c_str(), to.c_str()); }) != 0) {
    const int error = errno;
    // A network file system may have made the link and yet report an error, if its first answer was lost.
    struct stat status {};
    if (::stat(from.c_str(), &status) == 0 && status.st_nlink == 2) return Linked::yes;
    errno = error;
    if (error == EEXIST) return Linked::taken;
    if (error == EPERM || error == EXDEV || is_unknown(error)) return Linked::impossible;
    throw_not_renamed(from, to);
  }
  // Some file systems make a symbolic link instead.
  if (type_of(to) != std::filesystem::file_type::symlink) return Linked::yes;
  remove_file(to);
  return Linked::impossible;
}

}  // namespace

void remove_file(const std::filesystem::path& path) {
  if (retried([&] { return std::remove(path.c_str()); }) != 0 && errno != ENOENT) throw_errno("remove", path);
}

bool remove_directory(const std::filesystem::path& path) {
  if (retried([&] { return ::rmdir(path.c_str()); }) == 0 || errno == ENOENT) return true;
  if (errno != ENOTEMPTY && errno != EEXIST) throw_errno("remove", path);
  return false;
}

void rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (retried([&] { return std::rename(from.c_str(), to.c_str()); }) != 0) throw_not_renamed(from, to);
}

bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (retried([&] { return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE); }) ==
      0)
    return true;
  if (errno == EEXIST) return false;
  if (!is_unknown(errno)) throw_not_renamed(from, to);
  // Network file systems lack this rename, but most have links.
  switch (link_file(from, to)) {
    case Linked::yes: remove_file(from); return true;
    case Linked::taken: return false;
    case Linked::impossible: break;
  }
  if (file_exists(to)) return false;
  rename_file(from, to);
  return true;
}

void atomic_replace(const std::filesystem::path& path, std::string_view bytes, bool sync) {
  const std::filesystem::path temporary = path.string() + "." + to_hex(random_id());
  try {
    File file = File::create_new(temporary);
    file.write({bytes});
    if (sync) file.sync();
    file.close();
    rename_file(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace tasker::base
