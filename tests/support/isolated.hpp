#pragma once

#include "execute/slots/slots.hpp"
#include "support/chunks.hpp"

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

  std::shared_ptr<execute::Chunk> shared_chunk(const base::Ranges& tasks, const Attempts& attempts = {}) {
    return std::shared_ptr<execute::Chunk>(new execute::Chunk(this->chunk(tasks, attempts)));
  }

  std::shared_ptr<execute::Chunk> start(const base::Ranges& tasks, const Attempts& attempts = {}) {
    auto chunk = shared_chunk(tasks, attempts);
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
      for (const execute::slots::Slot::Ended& ended : slots.hear(this->sink)) {
        all.add(ended.report);
      }
    }
    return all;
  }

  store::Fingerprinter fingerprint;
  execute::Work work;
  execute::slots::Slots slots;
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

/// Hears once what there is to hear.
inline std::optional<execute::slots::Slot::Ended> hear(execute::slots::Slot& slot, execute::FrameSink& sink) {
  std::vector<pollfd> watched;
  slot.watch(watched);
  ::poll(watched.data(), watched.size(), 10);
  return slot.hear(watched, sink);
}

}  // namespace tasker::test
