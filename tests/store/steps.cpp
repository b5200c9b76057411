#include "store/steps.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace tasker::test {
namespace {

/// Whose turn it is. Who makes a call finds out who makes the next one, and wakes it.
class Stage {
 public:
  Stage(std::size_t actors, const Schedule& schedule, const std::function<void()>& check)
      : schedule_(schedule), turn_(schedule_.begin()), check_(check), dead_(actors) {
    for (std::size_t actor = 0; actor < actors; ++actor) alive_.push_back(actor);
  }

  /// Waits until it is this actor's turn to make a call; false if it is dead.
  bool step(std::size_t actor) {
    std::unique_lock lock(mutex_);
    next();
    changed_.wait(lock, [&] { return current_ == actor; });
    return !dead_[actor];
  }
  /// The same before the first call, once all are there.
  void begin(std::size_t actor) {
    std::unique_lock lock(mutex_);
    if (++arrived_ == alive_.size()) {
      current_ = 0;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return current_ == actor; });
  }
  void end(std::size_t actor) {
    const std::lock_guard lock(mutex_);
    std::erase(alive_, actor);
    if (!alive_.empty()) next();
  }
  std::vector<Made> take_made() { return std::move(made_); }

 private:
  void next() {
    const std::size_t before = *current_;
    if (std::ranges::find(alive_, before) == alive_.end()) current_ = alive_.front();
    for (; turn_ != schedule_.end() && turn_->step == made_.size(); ++turn_) {
      if (turn_->kill)
        dead_[turn_->actor] = true;
      else if (std::ranges::find(alive_, turn_->actor) != alive_.end())
        current_ = turn_->actor;
    }
    check_();
    made_.push_back({*current_, alive_});
    if (current_ != before) changed_.notify_all();
  }

  const Schedule& schedule_;
  Schedule::const_iterator turn_;
  const std::function<void()>& check_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::size_t> current_;
  std::size_t arrived_ = 0;
  std::vector<std::size_t> alive_;
  std::vector<bool> dead_;
  std::vector<Made> made_;
};

Stage* stage = nullptr;
thread_local std::optional<std::size_t> me;

/// What a call does when its actor has its turn: nothing, if that is dead.
template <class Real>
auto as_step(Real real, decltype(real()) failed) {
  if (!me) return real();
  const std::size_t actor = *me;
  me.reset();  // what the check does is no step
  const bool alive = stage->step(actor);
  me = actor;
  if (alive) return real();
  errno = EIO;
  return failed;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

std::vector<Made> execute(const std::vector<std::function<void()>>& actors, const Schedule& schedule,
                          const std::function<void()>& check) {
  Stage its(actors.size(), schedule, check);
  stage = &its;
  std::vector<std::jthread> threads;
  for (std::size_t actor = 0; actor < actors.size(); ++actor)
    threads.emplace_back([&, actor] {
      its.begin(actor);
      me = actor;
      actors[actor]();
      me.reset();
      its.end(actor);
    });
  threads.clear();
  return its.take_made();
}

void explore(std::size_t most, bool kills, const std::function<std::vector<Made>(const Schedule&)>& run) {
  std::vector<Schedule> left{{}};
  while (!left.empty()) {
    const Schedule schedule = std::move(left.back());
    left.pop_back();
    const auto made = run(schedule);
    if (schedule.size() == most) continue;
    const bool killed = std::ranges::any_of(schedule, &Turn::kill);
    for (std::size_t step = schedule.empty() ? 0 : schedule.back().step + 1; step < made.size(); ++step)
      for (const std::size_t actor : made[step].alive) {
        const auto go_on = [&](Turn turn) {
          left.push_back(schedule);
          left.back().push_back(turn);
        };
        if (actor != made[step].actor) go_on({step, actor});
        if (actor == made[step].actor && kills && !killed) go_on({step, actor, true});
      }
  }
}

}  // namespace tasker::test

#define REAL(name) static const auto real = tasker::test::next<decltype(::name)>(#name)

using tasker::test::as_step;

extern "C" {

int open(const char* path, int flags, ...) {
  REAL(open);
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);  // means nothing unless a file is created
  va_end(arguments);
  return as_step([&] { return real(path, flags, mode); }, -1);
}
int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  return as_step([&] { return real(from, to); }, -1);
}
int renameat2(int from_directory, const char* from, int to_directory, const char* to,
              unsigned int flags) noexcept {
  REAL(renameat2);
  return as_step([&] { return real(from_directory, from, to_directory, to, flags); }, -1);
}
int link(const char* from, const char* to) noexcept {
  REAL(link);
  return as_step([&] { return real(from, to); }, -1);
}
int mkdir(const char* path, mode_t mode) noexcept {
  REAL(mkdir);
  return as_step([&] { return real(path, mode); }, -1);
}
int rmdir(const char* path) noexcept {
  REAL(rmdir);
  return as_step([&] { return real(path); }, -1);
}
int remove(const char* path) noexcept {
  REAL(remove);
  return as_step([&] { return real(path); }, -1);
}
int lstat(const char* path, struct stat* status) noexcept {
  REAL(lstat);
  return as_step([&] { return real(path, status); }, -1);
}
// With this a directory's listing begins.
int openat(int directory, const char* path, int flags, ...) {
  REAL(openat);
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return as_step([&] { return real(directory, path, flags, mode); }, -1);
}

}  // extern "C"
