#pragma once

#include <sys/types.h>

namespace tasker::base {

/// Keeps the umask: as long as this, or an earlier one, lives, files are created and published as it allows
/// now, whatever `fn` makes of it meanwhile; and it is back when the last of them goes.
class Umask {
 public:
  Umask();
  ~Umask();
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

  static bool is_kept();
  /// What the kept umask leaves of a mode; the process's own where none is kept.
  static mode_t allowed(mode_t mode);
  /// Whether the process's own is another one by now than the one that is kept.
  static bool has_changed();
};

}  // namespace tasker::base
