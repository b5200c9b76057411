#include "support/fake_worker.hpp"

#include "support/sample_messages.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace tasker::test {

using namespace talk;
using namespace std::chrono_literals;

namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Those of `tasks` from position `first` up to, not including, `last`.
base::Ranges part(base::Ranges tasks, std::uint64_t first, std::uint64_t last) {
  base::split_after(tasks, last);
  return base::split_after(tasks, first);
}

}  // namespace

base::IntervalSet Ledger::recover(const base::IntervalSet& tasks) {
  base::IntervalSet found;
  for (const base::Range& range : tasks.ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index)
      if (recorded.at(index) == 1 && !fails(index))
        found.insert({index, index + 1});
      else
        started.at(index) = recorded.at(index) = 0;
  return found;
}

FakeWorker::FakeWorker(FakeNetwork& network, int rank, bool sees_directory, Ledger& ledger,
                       std::mt19937& random)
    : network_(network),
      rank_(rank),
      sees_directory_(sees_directory),
      ledger_(ledger),
      random_(random),
      talker_(network.comm(rank), desk_) {
  network.comm(rank).send(
      0, talk::pack(talk::Ready{"", 1, sees_directory, "host" + std::to_string(rank % 3), "build", 1}));
}

bool FakeWorker::may_say() const {
  pollfd watched{desk_.fd(), POLLIN, 0};
  return !end_ && ::poll(&watched, 1, 0) > 0;
}

void FakeWorker::hear() { end_ = talker_.turn(); }

void FakeWorker::receive() {
  const std::string bytes = network_.under_way(0, rank_).at(0);
  network_.deliver(0, rank_);
  switch (talk::kind_of(bytes).value()) {
    case talk::kind<talk::Assignment>: {
      hear();
      held_.push_back(desk_.take_chunk());
      require(held_.back() != nullptr, "a chunk that was sent is at the desk");
      require(held_.back()->id() == front_of<talk::Assignment>(bytes).chunk,
              "chunks are done in the order of their sending");
      return;
    }
    case talk::kind<talk::TakeBackRequest>: {
      const auto id = talk::unpack<talk::TakeBackRequest>(bytes).chunk;
      const auto chunk = std::ranges::find(held_, id, [](const auto& one) { return one->id(); });
      const std::uint64_t before = chunk == held_.end() ? 0 : (*chunk)->kept();
      hear();
      if (chunk != held_.end())
        returning_.push_back(part((*chunk)->tasks(), (*chunk)->kept(), before));
      else
        ++crossed_;
      return;
    }
    case talk::kind<talk::Finish>: finishing_ = true; break;
    default: break;
  }
  hear();
}

bool FakeWorker::may_execute() const { return executing_ || !held_.empty() || (finishing_ && !closed_); }

void FakeWorker::execute() {
  if (!executing_)
    take_chunk();
  else if (running_ && random_() % 100 == 0)
    crash();
  else if (running_)
    end_task();
  else if (held_.front()->start()) {
    const base::Ranges task = part(held_.front()->tasks(), started_, started_ + 1);
    ++started_;
    running_ = task.at(0).first;
    require(++ledger_.started.at(*running_) == 1, "no task is started twice");
    detail::Reader argument(arguments_.bytes(arguments_.number<std::uint64_t>()));
    require(detail::Codec<std::string>::decode(argument) == ledger_.arguments.at(*running_),
            "a task gets its own argument");
  } else {
    end_chunk();
  }
}

void FakeWorker::take_chunk() {
  if (held_.empty()) {
    require(desk_.is_done(), "no more chunks come after Finish");
    closed_ = true;
    desk_.post(talk::pack(talk::Closed{}));
    return;
  }
  executing_ = true;
  const auto& chunk = held_.front();
  require(!chunk->assignment().suspect || base::count(chunk->tasks()) == 1, "a suspect comes alone");
  started_ = 0;
  report_ = {};
  arguments_ = detail::Reader(chunk->arguments());
}

void FakeWorker::end_task() {
  const std::uint64_t index = *running_;
  running_.reset();
  report_.busy += random_() % 8 == 0 ? 1s : 1ms * (random_() % 3);
  if (!ledger_.fails(index)) {
    ++report_.tasks;
  } else if (execute::may_be_tried_again(store::Outcome::failed, held_.front()->tried(index),
                                         ledger_.options)) {
    report_.left_to_try_again(index);
    ++tried_again_;
    return;
  } else {
    report_.add_failure({index, "why"});
  }
  if (sees_directory_)
    ++ledger_.recorded.at(index);
  else
    detail::put(frame_, index);
}

/// As a slot does it when its child dies: the chunk ends.
void FakeWorker::crash() {
  const base::Ranges& tasks = held_.front()->tasks();
  const std::uint64_t index = *std::exchange(running_, std::nullopt);
  ledger_.started.at(index) = 0;
  report_.left.tasks = part(tasks, started_ - 1, base::count(tasks));
  report_.left.suspects = {{index, index + 1}};
  ++crashes_;
  end_chunk();
}

/// As run_chunk and execute_chunks do it: what is recorded is written first, then the chunk ends.
void FakeWorker::end_chunk() {
  base::Ranges back;
  if (!report_.left.tasks.empty()) back = part(held_.front()->tasks(), started_ - 1, held_.front()->kept());
  for (const base::Range& range : report_.left.failed) {
    back.push_back(range);
    for (std::uint64_t index = range.first; index < range.last; ++index) ledger_.started.at(index) = 0;
  }
  if (!back.empty()) returning_.push_back(back);
  if (!frame_.empty()) desk_.post_frame(talk::pack(talk::Records{}) + std::exchange(frame_, {}));
  desk_.finish(held_.front(), std::move(report_));
  held_.pop_front();
  executing_ = false;
}

std::vector<base::Ranges> FakeWorker::unstarted() const {
  std::vector<base::Ranges> all;
  for (const auto& chunk : held_) {
    const std::uint64_t first = executing_ && chunk == held_.front() ? started_ : 0;
    all.push_back(part(chunk->tasks(), first, chunk->kept()));
  }
  return all;
}

}  // namespace tasker::test
