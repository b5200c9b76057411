#include "support/thread_comm.hpp"

#include "base/file.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tasker::test {

using base::Clock;
using base::Time;
using talk::Envelope;

class ThreadNetwork::ThreadComm final : public talk::Comm {
 public:
  ThreadComm(ThreadNetwork& network, int rank)
      : network_(network), rank_(rank), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_ < 0) base::throw_errno("create", "an eventfd");
  }
  ~ThreadComm() override { ::close(event_); }

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(network_.comms_.size()); }
  int host_count() const override { return 1; }

  void send(int to, std::string message) override {
    ++uses_;
    Envelope envelope{rank_, std::move(message)};
    if (network_.arrives_) network_.arrives_(to, envelope);
    network_.comms_.at(static_cast<std::size_t>(to))->arrive(std::move(envelope));
  }

  std::optional<Envelope> wait(Time deadline, std::span<pollfd> watched) override {
    ++uses_;
    for (;;) {
      for (pollfd& each : watched) each.revents = 0;
      if (auto envelope = take()) return envelope;
      std::vector<pollfd> all{{event_, POLLIN, 0}};
      all.insert(all.end(), watched.begin(), watched.end());
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::clamp<Clock::duration>(
          deadline - Clock::now(), Clock::duration::zero(), std::chrono::hours(1)));
      ::poll(all.data(), all.size(), static_cast<int>(left.count()));
      if (all[0].revents != 0) continue;
      for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = all[i + 1].revents;
      const bool ready = std::ranges::any_of(watched, [](const pollfd& each) { return each.revents != 0; });
      if (ready || Clock::now() >= deadline) return std::nullopt;
    }
  }

  void set_lost_after(std::chrono::milliseconds) override {}
  bool flush(Time) override { return true; }

 private:
  void arrive(Envelope envelope) {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(envelope));
    const std::uint64_t one = 1;
    (void)!::write(event_, &one, sizeof one);
  }
  std::optional<Envelope> take() {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    (void)!::read(event_, &count, sizeof count);
    if (inbox_.empty()) return std::nullopt;
    Envelope envelope = std::move(inbox_.front());
    inbox_.pop_front();
    if (!inbox_.empty()) {
      const std::uint64_t one = 1;
      (void)!::write(event_, &one, sizeof one);
    }
    return envelope;
  }

  ThreadNetwork& network_;
  int rank_;
  int event_;
  int uses_ = 0;  // unguarded, so that ThreadSanitizer sees when two threads use it at a time
  std::mutex mutex_;
  std::deque<Envelope> inbox_;
};

ThreadNetwork::ThreadNetwork(int size, Arrives arrives) : arrives_(std::move(arrives)) {
  for (int rank = 0; rank < size; ++rank) comms_.push_back(std::make_unique<ThreadComm>(*this, rank));
}

ThreadNetwork::~ThreadNetwork() = default;

talk::Comm& ThreadNetwork::comm(int rank) { return *comms_.at(static_cast<std::size_t>(rank)); }

}  // namespace tasker::test
