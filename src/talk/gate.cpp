#include "talk/gate.hpp"

#include "base/file.hpp"
#include "base/sleep.hpp"

#include <tasker/error.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <utility>
#include <vector>

namespace tasker::talk {

namespace {
/// The listening sockets' numbers among the peers.
constexpr int listening = 0;
constexpr int listening_remote = 1;
constexpr int events_at_once = 64;
/// While so many have not proved yet that they belong here, the others wait in the kernel's queue.
constexpr std::size_t strangers_at_once = 32;
}  // namespace

Gate::Gate(const std::filesystem::path& socket)
    : listener_(listen_at(socket).release()), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) base::throw_errno("listen at", socket);
  watch_listener(listening, EPOLL_CTL_ADD, true);
}

void Gate::listen(const Listener& listener, const Key& key, std::chrono::milliseconds lost_after,
                  std::chrono::milliseconds patience) {
  remote_ = {listener.fd(), key, lost_after, patience};
  watch_listener(listening_remote, EPOLL_CTL_ADD, true);
}

int Gate::listener(int number) const { return number == listening ? listener_.get() : remote_->listener; }

void Gate::watch_listener(int number, int how, bool wanted) const {
  epoll_event event{};
  event.events = wanted ? EPOLLIN : 0U;
  event.data.fd = number;
  if (::epoll_ctl(epoll_.get(), how, listener(number), &event) != 0)
    base::throw_errno("wait for", "other runs");
}

std::optional<Envelope> Gate::next() {
  if (heard_.empty()) look();
  if (heard_.empty()) return std::nullopt;
  Envelope envelope = std::move(heard_.front());
  heard_.pop_front();
  return envelope;
}

void Gate::look() {
  epoll_event events[events_at_once];
  const int count = ::epoll_wait(epoll_.get(), events, events_at_once, 0);
  for (int i = 0; i < count; ++i) {
    const int number = events[i].data.fd;
    if (number < first)
      accept(number);
    else
      hear(number);
  }
  drop_strangers();
}

void Gate::accept(int number) {
  for (int fd; (fd = accept_one(number)) >= 0;) {
    if (number == listening) {
      add(Connection(fd));
      continue;
    }
    strangers_.insert(next_);
    add(Connection(fd, Role::listens, remote_->key, remote_->lost_after));
    if (strangers_.size() < strangers_at_once) continue;
    watch_listener(number, EPOLL_CTL_MOD, false);
    return;
  }
}

/// The next one in the kernel's queue; below 0 if there is none.
int Gate::accept_one(int number) {
  for (;;) {
    const int fd = ::accept4(listener(number), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    // Without descriptors left the listener would stay readable for ever: from now on nobody else is
    // accepted.
    if (fd < 0 && errno != EAGAIN) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener(number), nullptr);
    return fd;
  }
}

void Gate::add(Connection connection) {
  const int number = next_++;
  watch(number, runs_.emplace(number, Run{std::move(connection)}).first->second, EPOLL_CTL_ADD);
}

/// Lets go of those who take too long to prove that they belong here.
void Gate::drop_strangers() {
  while (!strangers_.empty() && runs_.at(*strangers_.begin()).came + remote_->patience <= base::Clock::now())
    lose(*strangers_.begin());
}

/// That run has proved that it belongs here, or is gone.
void Gate::note_proven(int number) {
  if (strangers_.erase(number) > 0 && strangers_.size() + 1 == strangers_at_once)
    watch_listener(listening_remote, EPOLL_CTL_MOD, true);
}

void Gate::watch(int number, const Run& run, int how) const {
  epoll_event event{};
  event.events = EPOLLIN | (run.connection.has_unsent() ? EPOLLOUT : 0U);
  event.data.fd = number;
  if (::epoll_ctl(epoll_.get(), how, run.connection.fd(), &event) != 0)
    base::throw_errno("wait for", "another run");
}

void Gate::hear(int number) {
  const auto found = runs_.find(number);
  if (found == runs_.end()) return;
  Connection& connection = found->second.connection;
  try {
    const bool had_unsent = connection.has_unsent();
    connection.flush();
    while (const auto said = connection.receive()) hear(number, *said);
    if (connection.is_proven()) note_proven(number);
    if (connection.has_ended())
      lose(number);
    else if (connection.has_unsent() != had_unsent)
      watch(number, found->second, EPOLL_CTL_MOD);
  } catch (const Error&) {
    lose(number);  // it sends what no run sends
  }
}

void Gate::hear(int number, const Connection::Said& said) {
  Run& run = runs_.at(number);
  run.has_spoken = true;
  if (said.rank == Connection::whole_run)
    heard_.push_back({number, said.message});
  else if (said.rank >= 0 && said.rank < run.ranks)
    heard_.push_back({run.ranks_at + said.rank, said.message, said.message.empty()});
  else
    throw DamagedError("a run speaks for a rank that it does not have");
}

std::optional<int> Gate::admit(int number, int ranks) {
  const auto run = runs_.find(number);
  if (run == runs_.end()) return std::nullopt;
  run->second.ranks_at = std::exchange(next_, next_ + ranks);
  run->second.ranks = ranks;
  if (ranks > 0) ranks_[run->second.ranks_at] = number;
  return run->second.ranks_at;
}

void Gate::send(int peer, std::string message) {
  std::int32_t rank = Connection::whole_run;
  auto run = runs_.find(peer);
  if (run == runs_.end()) {
    const auto ranks = ranks_.upper_bound(peer);
    if (ranks == ranks_.begin()) return;
    run = runs_.find(std::prev(ranks)->second);
    if (run == runs_.end()) return;
    rank = peer - run->second.ranks_at;
  }
  Connection& connection = run->second.connection;
  const bool had_unsent = connection.has_unsent();
  connection.send(rank, std::move(message));
  if (connection.has_unsent() != had_unsent) watch(run->first, run->second, EPOLL_CTL_MOD);
}

void Gate::lose(int number) {
  const auto run = runs_.find(number);
  for (int rank = 0; rank < run->second.ranks; ++rank)
    heard_.push_back({run->second.ranks_at + rank, {}, true, true});
  if (run->second.has_spoken) heard_.push_back({number, {}, true});
  runs_.erase(run);
  note_proven(number);
}

void Gate::close(int number) {
  if (runs_.contains(number)) lose(number);
}

void Gate::flush(Time deadline) {
  for (;;) {
    std::vector<pollfd> unsent;
    for (auto& [number, run] : runs_) {
      run.connection.flush();
      if (run.connection.has_unsent()) unsent.push_back({run.connection.fd(), POLLOUT, 0});
    }
    if (unsent.empty() || base::sleep_until(deadline, unsent)) return;
  }
}

}  // namespace tasker::talk
