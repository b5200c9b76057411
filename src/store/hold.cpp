#include "store/hold.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/retried.hpp"
#include "base/threads.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

namespace tasker::store {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto visible_after = 500ms;
constexpr std::size_t size_limit = std::size_t{1} << 16;

struct Holder {
  std::string run;
  std::string job;
  base::ProcessId process;
  std::uint64_t beats = 0;
};

std::optional<std::string> read_hold(const fs::path& path) { return base::read_small_file(path, size_limit); }

/// A damaged one is nobody's, unless somebody renews it.
Holder parse_holder(const std::string& text) {
  const auto j = unseal(text);
  if (!j) return {};
  Holder holder;
  try {
    j->at("run").get_to(holder.run);
    j->at("job").get_to(holder.job);
    j->at("host").get_to(holder.process.host);
    j->at("boot").get_to(holder.process.boot);
    holder.process.pid = whole_number<std::int64_t>(j->at("pid"));
    holder.process.started = whole_number<std::uint64_t>(j->at("started"));
    holder.beats = whole_number<std::uint64_t>(j->at("beat"));
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return holder;
}

std::optional<Holder> read_holder(const fs::path& path) {
  const auto text = read_hold(path);
  return text ? std::optional(parse_holder(*text)) : std::nullopt;
}

[[noreturn]] void throw_held(const fs::path& path, const Holder& holder) {
  throw Interrupted(path.parent_path().string() + " is held by another run: process " +
                    std::to_string(holder.process.pid) + " on host " + holder.process.host +
                    (holder.job.empty() ? "" : ", Slurm job " + holder.job) +
                    "; wait for it to end, then run the same command again");
}

/// Whether the holder is dead; waits until that is certain.
bool is_dead(const fs::path& path, const Holder& holder, std::chrono::milliseconds patience) {
  switch (base::life_of(holder.process)) {
    case base::Life::alive: return false;
    case base::Life::dead: return true;
    case base::Life::unknown: break;
  }
  // Another host's clock is of no use, ours is: no beat for all of our patience.
  for (const auto end = std::chrono::steady_clock::now() + patience;
       std::chrono::steady_clock::now() < end;) {
    const auto now = read_holder(path);
    if (!now) return true;
    if (now->run != holder.run || now->beats != holder.beats) return false;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(patience / 50, 200ms));
  }
  return true;
}

}  // namespace

Hold::Hold(const fs::path& directory, const std::string& run, const std::string& job, Timing timing)
    : timing_(timing), path_(hold_path(directory)), run_(run), job_(job), process_(base::this_process()) {
  while (!link_as(path_)) {
    const auto text = read_hold(path_);
    if (!text) continue;  // it was just given back
    const Holder holder = parse_holder(*text);
    if (!is_dead(path_, holder, timing_.patience)) throw_held(path_, read_holder(path_).value_or(holder));
    if (take_over(*text)) break;
  }
  thread_ = base::start_thread("hold", [this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, timing_.beat, [] { return false; }) && !stop.stop_requested()) beat();
  });
}

bool Hold::link_as(const fs::path& path) {
  // link() is atomic on network file systems, too, and the file is complete when it appears.
  const fs::path mine = temporary_path(path_);
  base::File file = base::File::create_new(mine);
  file.write({content()});
  file.close();
  const int result = base::retried([&] { return ::link(mine.c_str(), path.c_str()); });
  const int error = errno;
  // A network file system may say no to what it has done when its answer was lost on the way.
  struct stat status {};
  const bool linked = result == 0 || (::stat(mine.c_str(), &status) == 0 && status.st_nlink == 2);
  ::unlink(mine.c_str());
  errno = error;
  // ENOENT: somebody who has just taken the directory tidied it up.
  if (!linked && error != EEXIST && error != ENOENT) base::throw_errno("create", path);
  return linked;
}

bool Hold::take_over(const std::string& dead) {
  // The claim's name says whose hold it is for, so of all who saw that one only one replaces it, and nobody
  // replaces one that came later.
  const fs::path claim = path_.string() + "." + base::to_hex(base::hash64(dead));
  if (link_as(claim)) {
    if (read_hold(path_) == dead) {
      base::rename_file(claim, path_);
      return true;
    }
    base::remove_file(claim);
    return false;
  }
  const auto claimer = read_holder(claim);
  if (!claimer) return false;
  if (!is_dead(claim, *claimer, timing_.patience)) throw_held(path_, *claimer);
  base::remove_file(claim);
  return false;
}

void Hold::keep_still() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Hold::~Hold() {
  keep_still();
  if (state() == State::ours) ::unlink(path_.c_str());
}

std::string Hold::content() const {
  return seal({{"run", run_},
               {"job", job_},
               {"host", process_.host},
               {"boot", process_.boot},
               {"pid", process_.pid},
               {"started", process_.started},
               {"beat", beats_}});
}

Hold::State Hold::state() const {
  try {
    const auto holder = read_holder(path_);
    if (!holder) return State::removed;
    return holder->run == run_ ? State::ours : State::taken;
  } catch (const SystemError&) {
    return State::removed;
  }
}

void Hold::beat() {
  try {
    if (const State now = state(); now != State::ours) {
      removed_ = now == State::removed;
      lost_ = true;
      return;
    }
    ++beats_;
    base::atomic_replace(path_, content(), false);
  } catch (const SystemError&) {
    // A full disk must not end a run from here; the next record says so with its file's name.
  }
}

bool hold_is_of(const fs::path& directory, const std::string& run) {
  const auto end = std::chrono::steady_clock::now() + visible_after;
  for (;;) {
    try {
      const auto holder = read_holder(hold_path(directory));
      if (holder && holder->run == run) return true;
    } catch (const SystemError&) {
      return false;
    }
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(20ms);
  }
}

}  // namespace tasker::store
