#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::base {

/// One process among all that were and will be, on any host.
struct ProcessId {
  std::string host;  ///< Name of the host, for people.
  std::string boot;  ///< Boot id and process namespace: where `pid` means something.
  std::int64_t pid = 0;
  std::uint64_t started = 0;  ///< In clock ticks since boot: tells a reused pid.

  bool operator==(const ProcessId&) const = default;
};

ProcessId this_process();

/// What getpid() says, at the price of reading a variable.
pid_t process_id();

/// The process that has made something. A copy of it that is forked later has the same thing in its memory,
/// but no business with what that stands for: an end, a connection, a file.
class Maker {
 public:
  bool is_here() const { return process_ == process_id(); }

 private:
  pid_t process_ = process_id();
};

/// Ends a copy of the process that comes back out of `where`, code of the program's in which it was forked;
/// with a sentence, and with nothing done that is done at an end.
[[noreturn]] void end_copy(std::string_view where, std::string_view how = "");

/// Around code of the program's that may fork: a copy comes no farther than to the end of this.
class NoCopies {
 public:
  /// `where` must outlive this.
  explicit NoCopies(std::string_view where) : where_(where) {}
  ~NoCopies() {
    if (!maker_.is_here()) end_copy(where_);
  }
  NoCopies(const NoCopies&) = delete;
  NoCopies& operator=(const NoCopies&) = delete;

 private:
  std::string_view where_;
  Maker maker_;
};

enum class Life { alive, dead, unknown };

/// Whether that process lives; `unknown` if it is on another host (or in another process namespace).
Life life_of(const ProcessId& process);

/// Build id of the running program: changes when it is compiled anew from other code. Hexadecimal.
std::string build_id();

}  // namespace tasker::base
