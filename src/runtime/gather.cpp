#include "runtime/gather.hpp"

#include "base/console.hpp"
#include "cluster/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long rank 0 waits for late ranks when the run must stop.
constexpr Clock::duration patience = 3s;

[[noreturn]] void throw_left(int rank, const talk::Leave& leave, const talk::Enter& mine) {
  if (!leave.message.empty())
    throw RankLeft(rank, fmt::format("rank {}: {}", rank, leave.message),
                   talk::failure_code(leave.exit_code, exit_failed));
  throw RankLeft(rank,
                 fmt::format("rank {} ended while rank 0 called map on {}; all ranks must call the same maps",
                             rank, mine.path),
                 exit_usage);
}

[[noreturn]] void throw_late(const std::set<int>& missing, const talk::Enter& mine,
                             const std::string& reason) {
  const std::string others = missing.size() == 1 ? "" : fmt::format(" and {} more", missing.size() - 1);
  throw Interrupted(
      fmt::format("{} was stopped {} while it waited for rank {}{} to call map; run the same command again",
                  mine.path, reason, *missing.begin(), others));
}

void require_same(int rank, const talk::Enter& theirs, const talk::Enter& mine) {
  if (talk::pack(theirs) == talk::pack(mine)) return;
  throw UsageError(
      fmt::format("ranks call different maps, all must call the same ones in the same order: rank "
                  "0: map {} on {}, {} -> {}; rank {}: map {} on {}, {} -> {}",
                  mine.sequence, mine.path, mine.argument_type, mine.result_type, rank, theirs.sequence,
                  theirs.path, theirs.argument_type, theirs.result_type));
}

}  // namespace

void gather(talk::Peers& peers, const talk::Enter& mine, Timekeeper& time) {
  std::set<int> missing = peers.others();
  base::Time deadline = base::Time::max();
  while (!missing.empty()) {
    auto watched = time.watched();
    const auto envelope = peers.wait(std::min(deadline, time.wake(base::Clock::now())), watched);
    const base::Time now = base::Clock::now();
    time.look(now);
    if (time.stopped()) deadline = std::min(deadline, now + patience);
    if (!envelope) {
      if (now >= deadline) throw_late(missing, mine, time.reason(now));
      continue;
    }
    const int rank = envelope->source;
    if (envelope->lost) {
      hear_of_loss(rank);
      missing.erase(rank);
      continue;
    }
    const auto kind = talk::kind_of(envelope->bytes);
    if (kind == talk::kind<talk::Leave>) throw_left(rank, talk::unpack<talk::Leave>(envelope->bytes), mine);
    if (kind != talk::kind<talk::Enter>) continue;  // a late message of a map that ended early
    const auto theirs = talk::unpack<talk::Enter>(envelope->bytes);
    if (theirs.sequence < mine.sequence) continue;  // that map ended before this rank called it
    require_same(rank, theirs, mine);
    missing.erase(rank);
  }
}

void require_going_on(const talk::Envelope& envelope) {
  const auto kind = talk::kind_of(envelope.bytes);
  const std::string rank = fmt::format("rank {}", envelope.source);
  if (kind == talk::kind<talk::Trouble>) {
    auto thrown = talk::unpack<talk::Trouble>(envelope.bytes).thrown;
    if (envelope.source != talk::Peers::self) thrown.message = rank + ": " + thrown.message;
    std::rethrow_exception(talk::to_exception(thrown));
  }
  if (kind == talk::kind<talk::Leave>) {
    const auto leave = talk::unpack<talk::Leave>(envelope.bytes);
    throw RankLeft(envelope.source,
                   rank + " left during a map" + (leave.message.empty() ? "" : ": " + leave.message),
                   talk::failure_code(leave.exit_code, exit_usage));
  }
}

std::string lost_text(int rank, bool has_launcher, const std::string& host) {
  return fmt::format("rank {}{} is gone{}", rank, host.empty() ? "" : " on " + host,
                     has_launcher ? ""
                                  : ", and MPI is going to end the others: run the same command again, or "
                                    "start it by `tasker launch`, with which they go on");
}

void hear_of_loss(int rank) {
  cluster::report_lost_rank();
  base::say("tasker: " + lost_text(rank, cluster::has_launcher()) + "\n");
}

}  // namespace tasker::runtime
