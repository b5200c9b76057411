#include "store/hold.hpp"

#include "base/file.hpp"
#include "base/names.hpp"
#include "base/threads.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace tasker::store {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds longest_pause = 200ms;
/// How long ranks are assumed to outlive a run whose `holder.json` can't be read.
constexpr std::chrono::milliseconds unknown_ghosts = 15s;

std::string text_of(const Holder& holder, std::uint64_t beat, bool holds) {
  return seal({{"run", holder.run},
               {"job", holder.job},
               {"host", holder.process.host},
               {"boot", holder.process.boot},
               {"pid", holder.process.pid},
               {"started", holder.process.started},
               {"ghosts", holder.ghosts.count()},
               {"gate", holder.gate},
               {"addresses", holder.addresses},
               {"beat", beat},
               {"holds", holds}});
}

/// Keeps what the fence of `run` says of ranks that may outlive the run. Call it before removing the fence.
void keep_ghosts(const fs::path& directory, const std::string& run) {
  const fs::path holder = holder_path(fence_path(directory, run));
  try {
    base::rename_file(holder, ghosts_path(directory, run));
  } catch (const SystemError&) {
    if (base::file_exists(holder)) throw;  // otherwise another run was faster
  }
}

}  // namespace

Held::Held(const fs::path& directory, Seen by, const std::string& why)
    : Interrupted(directory.string() + " is held by another run: process " +
                  std::to_string(by.holder.process.pid) + " on host " + by.holder.process.host +
                  (by.holder.job.empty() ? "" : ", Slurm job " + by.holder.job) +
                  (why.empty() ? "" : ", which this one can't join: " + why) +
                  "; wait for it to end, then run the same command again"),
      by_(std::move(by)),
      why_(why) {}

std::optional<Seen> read_holder(const fs::path& path) {
  const auto text = base::read_small_file(path, std::size_t{1} << 16);
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
    j->at("gate").get_to(holder.gate);
    if (const auto addresses = j->find("addresses"); addresses != j->end())
      addresses->get_to(holder.addresses);
    j->at("host").get_to(holder.process.host);
    j->at("boot").get_to(holder.process.boot);
    holder.process.pid = whole_number<std::int64_t>(j->at("pid"));
    holder.process.started = whole_number<std::uint64_t>(j->at("started"));
    holder.ghosts = std::chrono::milliseconds(whole_number<std::uint32_t>(j->at("ghosts")));
    seen = {holder, whole_number<std::uint64_t>(j->at("beat")), j->at("holds").get<bool>()};
  } catch (const nlohmann::json::exception&) {
    // Damaged, too.
  }
  return seen;
}

Hold::Hold(const fs::path& directory, const Holder& self, Timing timing, const Prepare& prepare,
           const std::string& frozen)
    : self_(self), timing_(timing), fence_(directory, self_.run, text_of(self_, 0, false)) {
  // The beat begins before `take`, so that other runs can watch this one while it watches others.
  thread_ = base::start_thread("hold", [this](const std::stop_token& stop) {
    base::Lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, timing_.beat, [] { return false; }) && !stop.stop_requested()) {
      try {
        beat(holds_);
      } catch (const Interrupted&) {
        lost_ = true;
        return;
      } catch (const SystemError&) {
        // A full disk must not end the run from here: the next record does, and names its file.
      }
    }
  });
  take(prepare, frozen);
}

/// First the own fence, then the look at others: so of two runs at the same time, at least one sees the
/// other. A run that sees no other fence holds the directory for as long as its own fence stands.
void Hold::take(const Prepare& prepare, const std::string& frozen) {
  for (;;) {
    auto others = list_fences(fence_.directory());
    std::erase(others, self_.run);
    if (others.empty()) break;
    for (const std::string& other : others) settle(other, other == frozen);
  }
  Holder self = self_;
  if (prepare) prepare(fence_, self);
  const base::Lock lock(mutex_);
  self_ = std::move(self);
  beat(true);
}

/// Returns when the fence of run `other` is gone; removes it if that run is dead, frozen or gives up. Of two
/// runs that don't hold the directory yet, the one with the lower name goes on.
void Hold::settle(const std::string& other, bool is_frozen) const {
  const fs::path fence = fence_path(fence_.directory(), other);
  base::refuse_link(fence);
  const auto first = read_holder(holder_path(fence));
  const auto end = std::chrono::steady_clock::now() + timing_.patience;
  bool beats = false;
  for (auto pause = 1ms;; pause = std::min(2 * pause, longest_pause)) {
    // Read the clock first. This process may be frozen before it looks at the fence; the other way round,
    // what it has seen could be old when the time seems over.
    const bool over = std::chrono::steady_clock::now() >= end;
    const auto seen = read_holder(holder_path(fence));
    if (!first || !seen) break;
    const base::Life life = base::life_of(seen->holder.process);
    if (life == base::Life::dead || is_frozen) break;
    // Another host's clock is of no use. By our own clock a run is dead if it has not beaten for `patience`.
    beats = beats || seen->beats != first->beats;
    const bool alive = life == base::Life::alive || beats;
    if (alive && (over || seen->holds || other < self_.run)) throw Held(fence_.directory(), *seen);
    if (over) break;
    std::this_thread::sleep_for(pause);
  }
  if (first && first->holds && first->holder.ghosts > 0ms) keep_ghosts(fence_.directory(), other);
  remove_fence(fence);
}

void Hold::leave_ghosts(std::chrono::milliseconds ghosts) {
  thread_ = {};  // stops it and waits for its end
  try {
    self_.ghosts = std::max(self_.ghosts, ghosts);
    const base::Lock lock(mutex_);
    beat(true);
    keep_ghosts(fence_.directory(), self_.run);
  } catch (const Error&) {
    // Then the directory can't be written to, by ghosts neither; or it belongs to another run by now.
  }
}

void Hold::end_directory() {
  thread_ = {};
  fence_.remove_directory();
}

void Hold::set_addresses(std::vector<std::string> addresses) {
  const base::Lock lock(mutex_);
  self_.addresses = std::move(addresses);
  beat(true);
}

void Hold::note_joined(const Holder& run) const {
  fence_.replace(joined_path(fence_.directory(), run.run), text_of(run, 0, false));
}

void Hold::beat(bool holds) {
  ++beats_;
  holds_ = holds;
  fence_.replace_holder(text_of(self_, beats_, holds_));
}

}  // namespace tasker::store
