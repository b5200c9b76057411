#pragma once

#include <mutex>

// Which mutex guards what is written down for clang++, which checks it (-Wthread-safety). Other compilers see
// nothing of it.
#ifdef __clang__
#define TASKER_CHECKED(...) __attribute__((__VA_ARGS__))
#else
#define TASKER_CHECKED(...)
#endif
/// Of a member: only who holds this mutex may touch the member.
#define TASKER_GUARDED_BY(mutex) TASKER_CHECKED(guarded_by(mutex))
/// Of a function: only who holds this mutex may call the function.
#define TASKER_REQUIRES(mutex) TASKER_CHECKED(requires_capability(mutex))

namespace tasker::base {

/// std::mutex, known to the checks.
class TASKER_CHECKED(capability("mutex")) Mutex {
 public:
  void lock() TASKER_CHECKED(acquire_capability()) { mutex_.lock(); }
  void unlock() TASKER_CHECKED(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a mutex from its beginning to its end. std::condition_variable_any may wait with it.
class TASKER_CHECKED(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) TASKER_CHECKED(acquire_capability(mutex)) : mutex_(mutex) { mutex_.lock(); }
  ~Lock() TASKER_CHECKED(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // In between, for a while:
  void unlock() TASKER_CHECKED(release_capability()) { mutex_.unlock(); }
  void lock() TASKER_CHECKED(acquire_capability()) { mutex_.lock(); }

 private:
  Mutex& mutex_;
};

}  // namespace tasker::base
