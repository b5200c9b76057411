#pragma once

#include "run/messages.hpp"

#include <limits>

namespace tasker::test {

/// Calls `visit` with one message of every kind, none of whose fields has its default value.
template <class Visit>
void for_each_message(Visit visit) {
  using namespace runtime;
  constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
  visit(Enter{7, "a/b.dat", "f64", "[str]"});
  visit(Start{"/tmp/b.dat.mpi",
              "0123456789abcdef",
              3,
              "77",
              huge,
              "2",
              4,
              5,
              6,
              false,
              true,
              {"x", "", "z"},
              8,
              2,
              90,
              10,
              Capture::all,
              7'000'000'000,
              60'000'000'000});
  visit(Ready{false, "node1", "build", 12, 8});
  visit(Work{9, {{0, 3}, {huge - 1, huge}}, {{1, 2}, {2, 7}}, std::string("\0\1\2", 3)});
  visit(TakeBackRequest{huge});
  visit(Kept{5, 3, false});
  visit(Done{1, 1, 250'000, 1, {{0, 1, "std::runtime_error: no", "it said"}}});
  visit(Records{});
  visit(Recorded{1 << 20});
  visit(Trouble{74, "No space left on device"});
  visit(TimeLeft{90'000'000'000, true});
  visit(Finish{});
  visit(Closed{});
  visit(
      End{"failed", 1, "2 of 9 tasks failed", 2, {{3, 1, "a", "x"}, {4, 7, "b", "y"}}, 9, "/tmp/b.dat", 77});
  visit(Leave{2, "why", true});
}

}  // namespace tasker::test
