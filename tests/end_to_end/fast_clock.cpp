/// FAULTS_CLOCK of faults.cpp.
#include "next.hpp"

#include <poll.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t second = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * second + time.tv_nsec; }
timespec as_time(std::int64_t ns) { return {ns / second, ns % second}; }

/// How many times as fast the clock runs.
std::int64_t clock_rate() {
  static const std::int64_t rate = [] {
    const char* const text = std::getenv("FAULTS_CLOCK");
    return text ? std::strtol(text, nullptr, 10) : 1;
  }();
  return rate;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  REAL(clock_gettime);
  const int result = real(clock, time);
  if (clock != CLOCK_MONOTONIC || clock_rate() == 1 || result != 0) return result;
  static const std::int64_t begin = nanoseconds(*time);
  *time = as_time(begin + (nanoseconds(*time) - begin) * clock_rate());
  return result;
}

int nanosleep(const timespec* time, timespec* left) {
  REAL(nanosleep);
  const timespec shorter = as_time(nanoseconds(*time) / clock_rate());
  return real(&shorter, left);
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  REAL(clock_nanosleep);
  const timespec shorter = as_time(nanoseconds(*time) / clock_rate());
  return real(clock, flags, flags == 0 ? &shorter : time, left);
}

int ppoll(pollfd* files, nfds_t count, const timespec* timeout, const sigset_t* signals) {
  REAL(ppoll);
  const timespec shorter = timeout ? as_time(nanoseconds(*timeout) / clock_rate()) : timespec{};
  return real(files, count, timeout ? &shorter : nullptr, signals);
}

}  // extern "C"
