#pragma once

#include "execute/slots/slots.hpp"
#include "support/chunks.hpp"

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tasker::test {

/// Takes the next argument as it is packed.
inline std::string take_packed(detail::Reader& in, const detail::MapCall& call) {
  const std::string_view from = in.left();
  call.take_argument(in);
  return std::string(from.substr(0, from.size() - in.left().size()));
}

/// The chunks in which rank 0 hands out again what another one has left over.
inline std::vector<std::shared_ptr<execute::Chunk>> handed_out_again(const execute::slots::Slot::Ended& ended,
                                                                     const detail::MapCall& call) {
  std::map<std::uint64_t, std::string> arguments;
  detail::Reader in(ended.chunk->arguments());
  for (const base::Range& range : ended.chunk->tasks())
    for (std::uint64_t index = range.first; index < range.last; ++index)
      arguments[index] = take_packed(in, call);
  const talk::Leftover& left = ended.report.left;
  base::Ranges kept = ended.chunk->tasks();
  base::split_after(kept, ended.chunk->kept());
  base::IntervalSet mine;
  mine.insert(kept);
  base::IntervalSet suspects;
  suspects.insert(left.suspects);
  std::vector<std::shared_ptr<execute::Chunk>> chunks;
  std::string packed;
  talk::Assignment assignment{ended.chunk->id(), {}, {}};
  const auto hand_out = [&] {
    if (!assignment.tasks.empty()) chunks.push_back(std::make_shared<execute::Chunk>(assignment, packed));
    assignment = {ended.chunk->id(), {}, {}};
    packed.clear();
  };
  base::IntervalSet failed;
  failed.insert(left.failed);
  base::IntervalSet all = failed;
  all.insert(left.tasks);
  for (const base::Range& range : all.ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index) {
      if (!mine.contains(index)) continue;
      talk::Tried tried = ended.chunk->tried(index);
      if (failed.contains(index)) tried = {index, tried.attempt + 1, tried.failed + 1};
      if (suspects.contains(index)) hand_out();
      assignment.suspect = suspects.contains(index);
      assignment.tasks.push_back({index, index + 1});
      assignment.tried.push_back(tried);
      packed += arguments.at(index);
      if (suspects.contains(index)) hand_out();
    }
  hand_out();
  return chunks;
}

/// A map whose chunks are executed by slots.
template <class Fn>
struct Isolated : Map<Fn> {
  explicit Isolated(Fn fn, std::uint32_t count = 1, Options options = {})
      : Map<Fn>(std::move(fn)),
        fingerprint(this->call),
        work{(this->call.options = options, this->call), 100, fingerprint},
        slots(work, count) {}

  std::shared_ptr<execute::Chunk> shared_chunk(const base::Ranges& tasks, const Attempts& attempts = {}) {
    return std::shared_ptr<execute::Chunk>(new execute::Chunk(this->chunk(tasks, attempts)));
  }

  std::shared_ptr<execute::Chunk> start(const base::Ranges& tasks, const Attempts& attempts = {}) {
    auto chunk = shared_chunk(tasks, attempts);
    slots.start(chunk);
    return chunk;
  }

  /// Nothing is under way, and nothing is left over.
  bool is_idle() const { return slots.all_free() && waiting.empty(); }
  /// Hears once what there is to hear, and hands out again what is left over.
  void go_on(execute::slots::Slot::Clock::time_point now = execute::slots::Slot::Clock::now()) {
    for (; !slots.all_busy() && !waiting.empty(); waiting.pop_front()) slots.start(waiting.front());
    const auto watched = slots.watched();
    ::poll(watched.data(), watched.size(), 10);
    slots.look(now);
    for (const execute::slots::Slot::Ended& ended : slots.hear(this->sink)) {
      all.add(ended.report);
      for (const auto& chunk : handed_out_again(ended, this->call)) waiting.push_back(chunk);
    }
  }
  /// The reports of all chunks together, once nothing is left over.
  execute::ChunkReport finish() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!is_idle()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      go_on();
    }
    return std::exchange(all, {});
  }

  store::Fingerprinter fingerprint;
  execute::Work work;
  execute::slots::Slots slots;
  std::deque<std::shared_ptr<execute::Chunk>> waiting;
  execute::ChunkReport all;
};

/// A slot that is given again what it has left over.
class LoneSlot : public execute::slots::Slot {
 public:
  LoneSlot(const execute::Work& work, execute::slots::Guard& guard) : Slot(work, guard), call_(work.call) {}

  /// Hears once what there is to hear; the reports of all chunks together, once nothing is left over.
  std::optional<execute::ChunkReport> hear_all(execute::FrameSink& sink) {
    std::vector<pollfd> found;
    watch(found);
    ::poll(found.data(), found.size(), 10);
    hear(found, sink);
    if (const auto ended = take_ended()) {
      all_.add(ended->report);
      for (const auto& chunk : handed_out_again(*ended, call_)) waiting_.push_back(chunk);
      if (waiting_.empty()) return std::exchange(all_, {});
      start(waiting_.front());
      waiting_.pop_front();
    }
    return std::nullopt;
  }

 private:
  const detail::MapCall& call_;
  execute::ChunkReport all_;
  std::deque<std::shared_ptr<execute::Chunk>> waiting_;
};

/// What a child writes into its pipe for a message.
inline std::string piped(const std::string& message) {
  std::string bytes;
  detail::put(bytes, std::uint64_t{message.size()});
  detail::put(bytes, ~std::uint64_t{message.size()});
  return bytes + message;
}

/// What a slot's child has said and its rank has not heard, or the begin of it.
inline std::string unheard(execute::slots::Slot& slot) {
  std::vector<pollfd> watched;
  slot.watch(watched);
  char bytes[4096];
  const auto got = ::recv(watched[0].fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  return {bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

}  // namespace tasker::test
