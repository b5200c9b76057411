#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tasker::base {

/// Identifies a process, on every host and for all time.
struct ProcessId {
  std::string host;  ///< Name of the host, for people.
  std::string boot;  ///< Boot id and process namespace, within which `pid` means something.
  std::int64_t pid = 0;
  std::uint64_t started = 0;  ///< In clock ticks since boot: tells apart processes with the same pid.

  bool operator==(const ProcessId&) const = default;
};

ProcessId this_process();

/// The name of the user whose process this is, for people.
std::string user_name();

/// The same as getpid(), without a system call.
pid_t process_id();

/// Remembers the process that has made an object. A forked child has a copy of the object in its memory, but
/// must not touch what the object stands for: a connection, a file, another process.
class Maker {
 public:
  bool is_here() const { return process_ == process_id(); }

 private:
  pid_t process_ = process_id();
};

/// Ends a forked child that has returned out of `where`, the program's code that forked it. Prints a message;
/// no destructors and no exit handlers run.
[[noreturn]] void end_copy(std::string_view where, std::string_view how = "");

/// Guards a call of the program's code, which may fork: a forked child is ended at the end of this scope.
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

/// Whether `process` lives; `unknown` if it is on another host, or in another process namespace.
Life life_of(const ProcessId& process);

/// Build id of the running program: changes when it is compiled anew from other code. Hexadecimal.
std::string build_id();

}  // namespace tasker::base
