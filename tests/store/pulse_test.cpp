#include "store/pulse.hpp"

#include "store/fence.hpp"
#include "support/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <chrono>

namespace tasker::store {
namespace {

using namespace std::chrono_literals;

/// A run whose beat the test makes.
struct Beating {
  test::TemporaryDirectory home;
  Fence fence{home.path(), "0123456789abcdef", "{}"};
  Pulse pulse{home.path(), "0123456789abcdef", 8s};
  base::Time now = base::Clock::now();

  /// Looks every two seconds.
  bool is_frozen_after(std::chrono::seconds time) {
    bool frozen = false;
    for (const base::Time end = now + time; now < end; now += 2s) frozen = pulse.is_frozen(now + 2s);
    return frozen;
  }
};

TEST_CASE("A run without a beat is frozen after its lease, and not before") {
  Beating run;
  CHECK_FALSE(run.is_frozen_after(8s));
  CHECK(run.is_frozen_after(4s));
}

TEST_CASE("A look that comes late says nothing: the time begins anew") {
  Beating run;
  CHECK_FALSE(run.is_frozen_after(6s));
  run.now += 1h;
  CHECK_FALSE(run.is_frozen_after(6s));
  CHECK(run.is_frozen_after(4s));
}

}  // namespace
}  // namespace tasker::store
