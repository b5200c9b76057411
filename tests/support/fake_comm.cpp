#include "support/fake_comm.hpp"

#include <poll.h>

#include <optional>
#include <set>
#include <stdexcept>

namespace tasker::test {

using base::Time;
using talk::Envelope;

class FakeNetwork::FakeComm final : public talk::Comm {
 public:
  FakeComm(FakeNetwork& network, int rank) : network_(network), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(network_.comms_.size()); }
  int host_count() const override { return 1; }

  void send(int to, std::string message) override {
    if (to == rank_ || to < 0 || to >= size())
      throw std::logic_error(name() + " sends to rank " + std::to_string(to));
    if (lost_.contains(to)) return;
    network_.queues_[{rank_, to}].push_back(std::move(message));
  }

  /// Never sleeps: a rank that would do so for ever is an error in the test or in what it tests.
  std::optional<Envelope> wait(Time deadline, std::span<pollfd> watched) override {
    for (pollfd& each : watched) each.revents = 0;
    if (!inbox_.empty()) {
      Envelope envelope = std::move(inbox_.front());
      inbox_.pop_front();
      if (envelope.lost) lost_.insert(envelope.source);
      return envelope;
    }
    if (::poll(watched.data(), watched.size(), 0) <= 0 && deadline == Time::max())
      throw std::logic_error(name() + " would sleep for ever");
    return std::nullopt;
  }

  bool flush(Time) override { return true; }
  void set_lost_after(std::chrono::milliseconds) override {}

  void arrive(Envelope envelope) { inbox_.push_back(std::move(envelope)); }

 private:
  std::string name() const { return "rank " + std::to_string(rank_); }
  FakeNetwork& network_;
  int rank_;
  std::deque<Envelope> inbox_;
  std::set<int> lost_;
};

FakeNetwork::FakeNetwork(int size) {
  for (int rank = 0; rank < size; ++rank) comms_.push_back(std::make_unique<FakeComm>(*this, rank));
}

FakeNetwork::~FakeNetwork() = default;

talk::Comm& FakeNetwork::comm(int rank) const { return *comms_.at(static_cast<std::size_t>(rank)); }

const std::deque<std::string>& FakeNetwork::under_way(int from, int to) const {
  static const std::deque<std::string> none;
  const auto found = queues_.find({from, to});
  return found == queues_.end() ? none : found->second;
}

std::size_t FakeNetwork::under_way() const {
  std::size_t sum = 0;
  for (const auto& [pair, queue] : queues_) sum += queue.size();
  return sum;
}

void FakeNetwork::deliver(int from, int to) {
  auto& queue = queues_.at({from, to});
  comms_.at(static_cast<std::size_t>(to))->arrive({from, std::move(queue.at(0))});
  queue.pop_front();
}

void FakeNetwork::lose(int rank, bool silent) {
  queues_.erase({rank, 0});
  queues_.erase({0, rank});
  comms_.at(0)->arrive({rank, {}, true, silent});
}

}  // namespace tasker::test
