#include "talk/peers.hpp"

#include "base/sleep.hpp"

#include <utility>
#include <vector>

namespace tasker::talk {

namespace {
/// However much the others say, the gate is looked at after so many of their messages.
constexpr int gate_turn = 16;
}  // namespace

Peers::Peers(Comm* comm) : comm_(comm) {
  for (int rank = 1; comm_ && rank < comm_->size(); ++rank) others_.insert(rank);
}

void Peers::let_go() {
  local_ = nullptr;
  said_.clear();
}

void Peers::send(int to, std::string message) {
  if (to >= Gate::first) {
    if (gate_) gate_->send(to, std::move(message));
  } else if (to != self)
    comm_->send(to, std::move(message));
  else if (local_)
    local_->hear(std::move(message));
}

void Peers::send_to_others(const std::string& message) {
  for (const int rank : others_) comm_->send(rank, message);
}

std::optional<Envelope> Peers::wait(Time deadline, std::span<pollfd> watched) {
  if (since_gate_ >= gate_turn)
    if (auto envelope = said_at_gate()) return envelope;
  ++since_gate_;
  if (auto envelope = said_here()) return envelope;
  if (gate_ && gate_->has_heard()) return said_at_gate();  // no descriptor tells of that any more
  std::vector<pollfd> all(watched.begin(), watched.end());
  if (local_) all.push_back({local_->fd(), POLLIN, 0});
  if (gate_) all.push_back({gate_->fd(), POLLIN, 0});
  std::optional<Envelope> envelope;
  if (comm_)
    envelope = comm_->wait(deadline, all);
  else
    base::sleep_until(deadline, all);
  for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = all[i].revents;
  if (envelope && envelope->lost) others_.erase(envelope->source);
  if (!envelope) envelope = said_here();
  return envelope ? envelope : said_at_gate();
}

std::optional<Envelope> Peers::said_at_gate() {
  since_gate_ = 0;
  return gate_ ? gate_->next() : std::nullopt;
}

std::optional<Envelope> Peers::said_here() {
  if (said_.empty() && local_)
    for (std::string& message : local_->take_messages()) said_.push_back(std::move(message));
  if (said_.empty()) return std::nullopt;
  Envelope envelope{self, std::move(said_.front())};
  said_.pop_front();
  return envelope;
}

}  // namespace tasker::talk
