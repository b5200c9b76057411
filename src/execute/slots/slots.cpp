#include "execute/slots/slots.hpp"

#include "base/console.hpp"
#include "base/process.hpp"
#include "base/threads.hpp"

#include <tasker/error.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace tasker::execute::slots {

using namespace std::chrono_literals;

namespace {

/// Raises the limit of open files, as far as that is allowed, to what the slots need and a rank may have
/// besides. With many slots that is more than the usual 1024.
void allow_files(rlim_t slots) {
  const rlim_t wanted = 512 + 8 * slots;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted) return;
  files.rlim_cur = std::min(wanted, files.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

Slots::Slots(const Work& work, std::uint32_t count) {
  if (const auto threads = base::new_threads(); !threads.empty())
    throw UsageError("tasks can't be isolated: the program has started " + std::to_string(threads.size()) +
                     " threads before map (such as " + threads.front() +
                     "), as OpenMP and CUDA do, which a forked process would lack; use them inside fn only");
  allow_files(count);
  guard_.emplace();
  for (std::uint32_t i = 0; i < count; ++i) slots_.push_back(std::make_unique<Slot>(work, *guard_));
}

std::span<pollfd> Slots::watched() {
  if (watched_.empty())
    for (const auto& slot : slots_) slot->watch(watched_);
  return watched_;
}

void Slots::start(std::shared_ptr<Chunk> chunk) {
  const auto free = std::ranges::find_if(slots_, [](const auto& slot) { return !slot->busy(); });
  (*free)->start(std::move(chunk));
  ++busy_;
  watched_.clear();
}

/// Removes slots that don't work any more. The others take over.
void Slots::give_up_weak() {
  const auto in_trouble = [](const auto& slot) { return !slot->trouble().empty(); };
  for (auto weak = slots_.begin(); (weak = std::find_if(weak, slots_.end(), in_trouble)) != slots_.end();) {
    if (slots_.size() == 1) throw SystemError((*weak)->trouble());
    base::say("tasker: " + base::this_process().host + ": one of " + std::to_string(slots_.size()) +
              " slots is given up: " + (*weak)->trouble() + "\n");
    weak = slots_.erase(weak);
  }
}

std::optional<std::chrono::nanoseconds> Slots::longest_pause() const {
  std::optional<std::chrono::nanoseconds> least;
  for (const auto& slot : slots_)
    if (const auto pause = slot->longest_pause()) least = std::min(least.value_or(*pause), *pause);
  return least;
}

void Slots::look(Slot::Clock::time_point now) {
  for (const auto& slot : slots_) slot->look(now);
}

std::vector<Slot::Ended> Slots::hear(FrameSink& sink) {
  std::vector<Slot::Ended> ended;
  const std::span<const pollfd> all = watched();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto found = all.subspan(i * Slot::watched, Slot::watched);
    if (std::ranges::any_of(found, [](const pollfd& fd) { return fd.revents != 0; }))
      slots_[i]->hear(found, sink);
    if (auto chunk = slots_[i]->take_ended()) {
      ended.push_back(std::move(*chunk));
      --busy_;
    }
  }
  give_up_weak();
  watched_.clear();
  return ended;
}

}  // namespace tasker::execute::slots
