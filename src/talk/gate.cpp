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
/// The listening socket's number among the peers.
constexpr int listening = 0;
constexpr int events_at_once = 64;
}  // namespace

Gate::Gate(const std::filesystem::path& socket)
    : listener_(listen_at(socket).release()), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listening;
  if (!epoll_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0)
    base::throw_errno("listen at", socket);
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
    if (number == listening)
      accept();
    else
      hear(number);
  }
}

void Gate::accept() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    // Without descriptors left the listener would stay readable for ever: from now on nobody else is
    // accepted.
    if (fd < 0 && errno != EAGAIN) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
    if (fd < 0) return;
    const int number = next_++;
    watch(number, runs_.emplace(number, Run{Connection(fd)}).first->second, EPOLL_CTL_ADD);
  }
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
    if (connection.has_unsent()) {
      connection.flush();
      if (!connection.has_unsent()) watch(number, found->second, EPOLL_CTL_MOD);
    }
    while (const auto said = connection.receive()) hear(number, *said);
    if (connection.has_ended()) lose(number);
  } catch (const Error&) {
    lose(number);  // it sends what no run sends
  }
}

void Gate::hear(int number, const Connection::Said& said) {
  const Run& run = runs_.at(number);
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
  heard_.push_back({number, {}, true});
  runs_.erase(run);
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
