#include "base/units.hpp"

#include <catch2/catch.hpp>

namespace tasker::base {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Durations are read with their unit, and only so") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("90s") == 90s);
  CHECK(parse_duration("10m") == 10min);
  CHECK(parse_duration("2h") == 2h);
  CHECK(parse_duration("1.5d") == 36h);
  CHECK(parse_duration("0s") == 0s);
  for (const char* bad :
       {"", "s", "90", "90  s", "-1s", "1s ", " 1s", "1e3s", "0x1s", "nans", "infs", "1mins", "1S",
        "300000000d", "5 s 1 min", "1 min 1 min", "1 h 5", "1 h, 5 min", "1 h -5 min"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad));
  }
}

TEST_CASE("Sizes are powers of 1024") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("64K") == 65536);
  CHECK(parse_size("1.5M") == 1572864);
  CHECK(parse_size("2G") == std::uint64_t{2} << 30);
  CHECK(parse_size("1T") == std::uint64_t{1} << 40);
  for (const char* bad :
       {"", "K", "-1", "64  K", "64k", "64KB", "1e3", "99999999T", "inf", "4096 ", "1 GiB 5"}) {
    INFO(bad);
    CHECK_FALSE(parse_size(bad));
  }
}

TEST_CASE("A duration is told in the unit that fits it") {
  const auto [duration, text] = GENERATE(table<std::chrono::nanoseconds, std::string>({
      {0ms, "0 ms"},
      {1ms, "1 ms"},
      {850ms, "850 ms"},
      {1s, "1.0 s"},
      {12'300ms, "12.3 s"},
      {60s, "1 min 00 s"},
      {250s, "4 min 10 s"},
      {245s, "4 min 05 s"},
      {3599s, "59 min 59 s"},
      {1h, "1 h 00 min"},
      {3h + 5min + 59s, "3 h 05 min"},
      {240h, "240 h 00 min"},
  }));
  CHECK(duration_text(duration) == text);
}

TEST_CASE("What is told of durations and sizes can be read, and is the same then") {
  for (const auto duration : {0ns, 850'000'000ns, 1'000'000'000ns, 59'900'000'000ns,
                              std::chrono::nanoseconds(245s), std::chrono::nanoseconds(59min + 59s),
                              std::chrono::nanoseconds(3h + 5min), std::chrono::nanoseconds(240h)})
    CHECK(parse_duration(duration_text(duration)) == duration);
  CHECK(parse_duration("10min") == 10min);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("1d 2 h 3min4s 5ms") == 26h + 3min + 4s + 5ms);
  for (const std::uint64_t size :
       {0ULL, 512ULL, 64ULL << 10, 3ULL << 19, 64ULL << 20, 3ULL << 29, 2ULL << 40})
    CHECK(parse_size(size_text(size)) == size);
  CHECK(parse_size("64KiB") == 65536);
}

TEST_CASE("No duration is rounded to a full unit") {
  CHECK(duration_text(999'400us) == "999 ms");
  CHECK(duration_text(999'600us) == "1.0 s");
  CHECK(duration_text(59'940ms) == "59.9 s");
  CHECK(duration_text(59'960ms) == "1 min 00 s");
  CHECK(duration_text(1h - 1ms) == "59 min 59 s");
}

TEST_CASE("Sizes are told in the unit that fits") {
  CHECK(size_text(512) == "512 bytes");
  CHECK(size_text(std::uint64_t{64} << 20) == "64 MiB");
  CHECK(size_text(std::uint64_t{3} << 29) == "1.5 GiB");
}

TEST_CASE("A time is a local one, or seconds since 1970; nothing else is") {
  using std::chrono::system_clock;
  CHECK(parse_time_point("1800000000") == system_clock::from_time_t(1800000000));
  const auto time = parse_time_point("2027-03-01T18:00");
  REQUIRE(time);
  CHECK(parse_time_point("2027-03-01 18:00:00") == time);
  CHECK(parse_time_point("2027-03-01T18:00:30") == *time + 30s);
  const std::time_t seconds = system_clock::to_time_t(*time);
  CHECK(std::localtime(&seconds)->tm_hour == 18);
  for (const char* const text :
       {"", "0", "-5", "18:00", "2027-03-01", "2027-13-01T18:00", "2027-03-01T18:00Z", "tomorrow",
        "99999999999999999999", "1e9", "2027-03-01T18:00:30.5"}) {
    INFO(text);
    CHECK_FALSE(parse_time_point(text));
  }
}

}  // namespace
}  // namespace tasker::base
