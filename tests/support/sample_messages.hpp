#pragma once

#include "talk/messages.hpp"

#include <limits>

namespace tasker::test {

/// Calls `visit` with one message of every kind, none of whose fields has its default value.
template <class Visit>
void for_each_message(Visit visit) {
  using namespace talk;
  constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
  visit(talk::Enter{7, "a/b.dat", "f64", "[str]"});
  visit(talk::Start{"/tmp/b.dat.mpi",
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
  visit(talk::Ready{false, "node1", "build", 12, 8});
  visit(talk::Assignment{9, {{0, 3}, {huge - 1, huge}}, {{1, 2}, {2, 7}}, std::string("\0\1\2", 3)});
  visit(talk::TakeBackRequest{huge});
  visit(talk::Kept{5, 3, false});
  visit(talk::Done{1, 1, 250'000, 1, {{0, 1, "std::runtime_error: no", "it said"}}});
  visit(talk::Records{});
  visit(talk::Recorded{1 << 20});
  visit(talk::Trouble{74, "No space left on device"});
  visit(talk::TimeLeft{90'000'000'000, true});
  visit(talk::Finish{});
  visit(talk::Closed{});
  visit(talk::End{
      "failed", 1, "2 of 9 tasks failed", 2, {{3, 1, "a", "x"}, {4, 7, "b", "y"}}, 9, "/tmp/b.dat", 77});
  visit(talk::Leave{2, "why", true});
}

}  // namespace tasker::test
