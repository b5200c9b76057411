#include "base/process.hpp"

#include "base/console.hpp"
#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/mapping.hpp"

#include <tasker/error.hpp>

#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <vector>

namespace tasker::base {

namespace {

constinit std::atomic<pid_t> known_id = 0;  // 0: not known yet
[[maybe_unused]] const int registered = ::pthread_atfork(nullptr, nullptr, [] { known_id = 0; });

std::string first_line(const std::string& path) {
  const auto content = read_small_file(path);
  return content ? content->substr(0, content->find('\n')) : "";
}

struct Stat {
  char state = 0;
  std::uint64_t started = 0;
};

/// Fields 3 and 22 of /proc/PID/stat (proc(5)); the name in parentheses may hold anything, so fields count
/// from its end. Nothing where that can't be read.
std::optional<Stat> stat_of(std::int64_t pid) {
  std::string text;
  try {
    text = first_line("/proc/" + std::to_string(pid) + "/stat");
  } catch (const SystemError&) {
    return std::nullopt;
  }
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  Stat stat;
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> stat.started;
  if (!fields) return std::nullopt;
  return stat;
}

/// Empty where the kernel does not tell.
std::string boot_and_namespace() {
  std::error_code error;
  const auto pid_namespace = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  return error || boot.empty() ? "" : boot + " " + pid_namespace.string();
}

/// The note that `ld --build-id` leaves in the main program (the first object that is visited).
int find_build_id(dl_phdr_info* object, std::size_t, void* found) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    // The loader gives addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
    const char* at = reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr);
    const char* const end = at + segment.p_memsz;
    const auto padded = [](std::uint32_t size) { return (size + 3U) & ~3U; };
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note{};
      std::memcpy(&note, at, sizeof note);
      const char* const description = at + sizeof note + padded(note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && description + note.n_descsz <= end) {
        const std::vector<unsigned char> id(description, description + note.n_descsz);
        *static_cast<std::string*>(found) = fmt::format("{:02x}", fmt::join(id, ""));
        return 1;
      }
      at = description + padded(note.n_descsz);
    }
  }
  return 1;
}

}  // namespace

ProcessId this_process() {
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, HOST_NAME_MAX);
  return {host, boot_and_namespace(), ::getpid(), stat_of(::getpid()).value_or(Stat{}).started};
}

std::string user_name() {
  const uid_t user = ::geteuid();
  passwd entry{};
  passwd* found = nullptr;
  char texts[4096];
  if (::getpwuid_r(user, &entry, texts, sizeof texts, &found) != 0 || !found) return std::to_string(user);
  return entry.pw_name;
}

pid_t process_id() {
  const pid_t id = known_id.load(std::memory_order_relaxed);
  return id != 0 ? id : known_id = ::getpid();
}

void end_copy(std::string_view where, std::string_view how) {
  say("tasker: a process that was forked in " + std::string(where) + " came back out of it" +
      std::string(how.empty() ? "" : " by ") + std::string(how) +
      ", and is ended here: let it end by _exit, also where exec has failed\n");
  ::_exit(exit_failed);
}

Life life_of(const ProcessId& process) {
  if (process.boot.empty() || process.boot != boot_and_namespace()) return Life::unknown;
  if (process.pid <= 0 || process.pid > INT_MAX) return Life::dead;
  const auto stat = stat_of(process.pid);
  if (::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH) return Life::dead;
  // Some hosts hide the processes of other users.
  if (!stat) return Life::unknown;
  // A zombie is dead, however long its parent does not wait for it.
  const bool ended = stat->state == 'Z' || stat->state == 'X';
  return !ended && stat->started == process.started ? Life::alive : Life::dead;
}

std::string build_id() {
  std::string id;
  ::dl_iterate_phdr(find_build_id, &id);
  if (!id.empty()) return id;
  const Mapping program(std::filesystem::read_symlink("/proc/self/exe"));
  return to_hex(hash128(program.bytes()));
}

}  // namespace tasker::base
