#pragma once

#include <sys/types.h>

namespace tasker::base {

/// Keeps the umask of the moment in which the first object is made. While objects live, the library's files
/// get the modes that it allows, whatever umask `fn` sets. The last object restores it.
class Umask {
 public:
  Umask();
  ~Umask();
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

  /// The bits of `mode` that the kept umask allows, or the process's umask if none is kept.
  static mode_t allowed(mode_t mode);
  /// Whether the process's umask now differs from the kept one.
  static bool has_changed();
};

}  // namespace tasker::base
