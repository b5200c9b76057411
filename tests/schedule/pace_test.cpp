#include "schedule/pace.hpp"

#include <catch2/catch.hpp>

namespace tasker::schedule {
namespace {

TEST_CASE("Before the first task nothing is known") {
  CHECK_FALSE(Pace().mean());
  CHECK_FALSE(Pace().cautious());
}

TEST_CASE("To be cautious is to count with a tenth more than 19 of 20 tasks have lasted, to within a step") {
  Pace pace;
  const double lasted = GENERATE(1e-9, 3e-6, 0.5, 1.0, 3600.0, 1e5);
  pace.add(lasted, 95);
  pace.add(1000 * lasted, 5);
  CHECK(*pace.cautious() >= 1.1 * lasted);
  CHECK(*pace.cautious() <= 1.1 * 1.1 * lasted);
  pace.add(1000 * lasted, 1);
  CHECK(*pace.cautious() >= 1000 * lasted);
  CHECK(*pace.mean() == Approx((95 + 6000) * lasted / 101));
}

TEST_CASE("Durations beyond the scale count as its ends") {
  Pace pace;
  pace.add(0, 10);
  CHECK(*pace.cautious() < 2e-9);
  pace.add(1e300, 1000);
  CHECK(*pace.cautious() > 1e7);
}

}  // namespace
}  // namespace tasker::schedule
