#pragma once

#include "talk/messages.hpp"

#include <limits>
#include <string>
#include <string_view>

namespace tasker::test {

/// The message at the front of these bytes; `rest` is what follows.
template <class Message>
Message front_of(std::string_view bytes, std::string* rest = nullptr) {
  auto message = talk::unpack_front<Message>(bytes);
  if (rest) *rest = bytes;
  return message;
}

/// Calls `visit` with one message of every kind, none of whose fields has its default value.
template <class Visit>
void for_each_message(Visit visit) {
  using namespace talk;
  constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
  visit(talk::Enter{7, "a/b.dat", "f64", "[str]"});
  visit(talk::Start{"/tmp/b.dat.mpi",
                    "0123456789abcdef",
                    "fedcba9876543210",
                    5,
                    3,
                    "77",
                    huge,
                    {.version = "2",
                     .inputs = {4, 5},
                     .seed = 6,
                     .durability = Durability::power,
                     .on_failure = OnFailure::keep,
                     .isolation = Isolation::process,
                     .slots = 8,
                     .root_computes = true,
                     .retries = 2,
                     .retry_after = std::chrono::nanoseconds(14),
                     .max_failed = 13,
                     .timeout = std::chrono::nanoseconds(90),
                     .memory_limit = 10,
                     .capture = Capture::all,
                     .lost_after = std::chrono::seconds(7),
                     .join = Joining::never,
                     .lease = std::chrono::seconds(13),
                     .max_lost = 9,
                     .deadline = std::chrono::system_clock::time_point(std::chrono::seconds(11)),
                     .time_limit = std::chrono::seconds(12),
                     .order = Order::longest_first,
                     .keep_arguments = false,
                     .shared = true,
                     .keep_directory = true,
                     .columns = {"x", "", "z"},
                     .progress = Progress::log},
                    std::chrono::minutes(1)});
  visit(talk::Ready{"leader", 4, false, "node1", "build", 12, 8, {{3, {{1, 2}}}}});
  visit(talk::Assignment{9, {{0, 3}, {huge - 1, huge}}, {{1, 2, 1}, {2, 7, 3}}, true});
  visit(talk::TakeBackRequest{huge});
  visit(talk::Kept{5, 3});
  visit(talk::Done{1,
                   {1, 1, {{0, "std::runtime_error: no", 1, "it said"}}, std::chrono::microseconds(250)},
                   {{{1, 9}}, {{1, 2}, {7, 8}}, {{9, 11}}}});
  visit(talk::Records{true});
  visit(talk::Recorded{1 << 20});
  visit(talk::Trouble{{"system", 74, "No space left on device"}});
  visit(talk::TimeLeft{std::chrono::seconds(90), true});
  visit(talk::Finish{});
  visit(talk::Closed{});
  visit(talk::Made{{{3, 9}}, true});
  visit(talk::End{
      {"failed", 1, "2 of 9 tasks failed", 2, 9, {{3, "a", 1, "x"}, {4, "b", 7, "y"}}}, 9, "/tmp/b.dat", 77});
  visit(talk::Join{"0123456789abcdef",
                   "node2",
                   "boot",
                   5,
                   6,
                   "78",
                   {0, 3},
                   4,
                   Isolation::process,
                   std::chrono::minutes(2),
                   std::chrono::hours(1),
                   std::chrono::seconds(3),
                   true,
                   "build",
                   "i32",
                   "f64",
                   "digest",
                   huge,
                   {7, 8},
                   {"10.1.2.3:4711"}});
  visit(talk::Welcome{"somebody", "node1", 9, huge});
  visit(talk::Refused{"another list"});
  visit(talk::Stand{huge, 8, 7, 6, 5, 4, 3, 2, std::chrono::minutes(1), true, true, {"10.1.2.3:4711", ""}});
  visit(talk::Invite{});
  visit(talk::Invited{{"10.1.2.3:4711"}, "why"});
  visit(talk::Leave{2, "why", true});
}

}  // namespace tasker::test
