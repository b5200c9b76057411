#include "runtime/alarm.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>

namespace tasker::runtime {
namespace {

using namespace std::chrono_literals;

/// Counts how often an alarm rings, which is to ring again as it says.
struct Rings {
  base::Time ring() {
    const std::lock_guard lock(mutex);
    ++count;
    changed.notify_all();
    return again;
  }
  bool wait_for(int wanted) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 60s, [&] { return count >= wanted; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;
  base::Time again = base::Time::max();
};

TEST_CASE("An alarm rings when it is set to, sooner if it is set to that, and then as it says") {
  Rings rings;
  {
    Alarm alarm([&] { return rings.ring(); });
    {
      const auto lock = alarm.lock();
      alarm.set(base::Clock::now() + 1h);
      alarm.set(base::Clock::now());
    }
    REQUIRE(rings.wait_for(1));
    {
      const auto lock = alarm.lock();
      const std::lock_guard mine(rings.mutex);
      rings.again = base::Clock::now();
      alarm.set(base::Clock::now());
    }
    CHECK(rings.wait_for(5));
  }
  CHECK(rings.count >= 5);
}

TEST_CASE("What goes wrong when an alarm rings ends nothing: it rings once more") {
  Rings rings;
  Alarm alarm([&] {
    if (rings.ring(); rings.count == 1) throw std::bad_alloc();
    return base::Time::max();
  });
  {
    const auto lock = alarm.lock();
    alarm.set(base::Clock::now());
  }
  CHECK(rings.wait_for(2));
}

TEST_CASE("An alarm that was put off, or never set, does not ring") {
  Rings rings;
  {
    Alarm alarm([&] { return rings.ring(); });
    const auto lock = alarm.lock();
    alarm.set(base::Clock::now());
    alarm.set(base::Time::max());
  }
  CHECK(rings.count == 0);
}

}  // namespace
}  // namespace tasker::runtime
