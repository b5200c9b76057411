#pragma once

#include "execute/slots.hpp"
#include "support/chunks.hpp"

#include <catch2/catch.hpp>
#include <poll.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace tasker::test {

/// A map whose chunks are executed by slots.
template <class Fn>
struct Isolated : Map<Fn> {
  explicit Isolated(Fn fn, std::uint32_t count = 1, execute::Limits its_limits = {},
                    Capture capture = Capture::failures)
      : Map<Fn>(std::move(fn)),
        fingerprint(this->call),
        work{this->call, 100, fingerprint, true, its_limits, capture},
        slots(work, count) {}

  std::shared_ptr<execute::Chunk> start(const base::Ranges& tasks, const Attempts& attempts = {}) {
    std::string arguments;
    for (const base::Range& range : tasks)
      this->call.encode_arguments(range.first, range.last, std::string::npos, arguments);
    auto chunk = std::make_shared<execute::Chunk>(1, tasks, attempts, arguments);
    slots.start(chunk);
    return chunk;
  }

  /// Hears until all slots are free; the reports of all chunks together.
  execute::ChunkReport finish() {
    execute::ChunkReport all;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!slots.all_free()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      const auto watched = slots.watched();
      ::poll(watched.data(), watched.size(), 10);
      slots.look();
      for (const execute::Slot::Ended& ended : slots.hear(this->sink)) {
        all.tasks += ended.report.tasks;
        all.failed += ended.report.failed;
        all.failures.add(ended.report.failures.groups());
      }
    }
    return all;
  }

  store::Fingerprinter fingerprint;
  execute::Work work;
  execute::Slots slots;
};

}  // namespace tasker::test
