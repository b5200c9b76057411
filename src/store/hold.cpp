#include "store/hold.hpp"

#include "base/file.hpp"
#include "base/names.hpp"
#include "base/threads.hpp"
#include "store/ghosts.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace tasker::store {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds longest_pause = 200ms;

/// What another run's fence says of it.
struct Seen {
  Holder holder;
  std::uint64_t beats = 0;
  bool holds = true;
};

/// Nothing if there is no such file. A damaged one is nobody's, unless somebody renews it.
std::optional<Seen> look_at(const fs::path& fence) {
  const auto text = base::read_small_file(holder_path(fence), std::size_t{1} << 16);
  if (!text) return std::nullopt;
  Seen seen;
  seen.holder.process = {};
  seen.holder.ghosts = unknown_ghosts;
  const auto j = unseal(*text);
  if (!j) return seen;
  try {
    Holder holder;
    j->at("run").get_to(holder.run);
    j->at("job").get_to(holder.job);
    j->at("host").get_to(holder.process.host);
    j->at("boot").get_to(holder.process.boot);
    holder.process.pid = whole_number<std::int64_t>(j->at("pid"));
    holder.process.started = whole_number<std::uint64_t>(j->at("started"));
    holder.ghosts = std::chrono::milliseconds(whole_number<std::uint32_t>(j->at("ghosts")));
    seen = {holder, whole_number<std::uint64_t>(j->at("beat")), j->at("holds").get<bool>()};
  } catch (const nlohmann::json::exception&) {
    // As damaged as one without a checksum.
  }
  return seen;
}

[[noreturn]] void throw_held(const fs::path& directory, const Holder& holder) {
  throw Interrupted(directory.string() + " is held by another run: process " +
                    std::to_string(holder.process.pid) + " on host " + holder.process.host +
                    (holder.job.empty() ? "" : ", Slurm job " + holder.job) +
                    "; wait for it to end, then run the same command again");
}

}  // namespace

Hold::Hold(const fs::path& directory, const Holder& self, Timing timing)
    : self_(self), timing_(timing), fence_(directory, self_.run, content()) {
  beat(false);  // who took the fence for a leftover before it had its name may have emptied it
  // From now on it beats: others may watch it while it watches others.
  thread_ = base::start_thread("hold", [this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, timing_.beat, [] { return false; }) && !stop.stop_requested()) {
      try {
        beat(holds_);
      } catch (const Interrupted&) {
        lost_ = true;
        return;
      } catch (const SystemError&) {
        // A full disk must not end a run from here; the next record says so with its file's name.
      }
    }
  });
  take();
}

/// Own fence first, then the look: of two that want the directory at the same time, one at least sees the
/// other. Who has seen none holds it, for as long as its fence stands.
void Hold::take() {
  for (;;) {
    auto others = list_fences(fence_.directory());
    std::erase(others, self_.run);
    if (others.empty()) break;
    for (const std::string& other : others) settle(other);
  }
  const std::lock_guard lock(mutex_);
  beat(true);
}

/// Returns when that fence has gone, which it has when its run has died or given up. Of two that don't hold
/// the directory yet the one with the lower name goes on.
void Hold::settle(const std::string& other) const {
  const fs::path fence = fence_path(fence_.directory(), other);
  base::refuse_link(fence);
  const auto first = look_at(fence);
  const auto end = std::chrono::steady_clock::now() + timing_.patience;
  bool beats = false;
  for (auto pause = 1ms;; pause = std::min(2 * pause, longest_pause)) {
    // Asked first: this process, too, may be frozen in between, and what it has seen be old then.
    const bool over = std::chrono::steady_clock::now() >= end;
    const auto seen = look_at(fence);
    if (!first || !seen) break;
    const base::Life life = base::life_of(seen->holder.process);
    if (life == base::Life::dead) break;
    // Another host's clock is of no use, ours is: no beat for all of our patience.
    beats = beats || seen->beats != first->beats;
    const bool alive = life == base::Life::alive || beats;
    if (alive && (over || seen->holds || other < self_.run)) throw_held(fence_.directory(), seen->holder);
    if (over) break;
    std::this_thread::sleep_for(pause);
  }
  if (first && first->holds && first->holder.ghosts > 0ms) store::leave_ghosts(fence_.directory(), other);
  remove_fence(fence);
}

void Hold::keep_still() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Hold::~Hold() { keep_still(); }

void Hold::leave_ghosts(std::chrono::milliseconds ghosts) {
  keep_still();
  try {
    self_.ghosts = std::max(self_.ghosts, ghosts);
    beat(true);
    store::leave_ghosts(fence_.directory(), self_.run);
  } catch (const Error&) {
    // Then the directory can't be written to, by them neither; or it is another run's by now.
  }
}

void Hold::end_directory() {
  keep_still();
  fence_.remove_directory();
}

std::string Hold::content() const {
  return seal({{"run", self_.run},
               {"job", self_.job},
               {"host", self_.process.host},
               {"boot", self_.process.boot},
               {"pid", self_.process.pid},
               {"started", self_.process.started},
               {"ghosts", self_.ghosts.count()},
               {"beat", beats_},
               {"holds", holds_}});
}

void Hold::beat(bool holds) {
  ++beats_;
  holds_ = holds;
  try {
    base::atomic_replace(holder_path(fence_.path()), content(), false);
  } catch (const SystemError&) {
    fence_.require();
    throw;
  }
}

}  // namespace tasker::store
