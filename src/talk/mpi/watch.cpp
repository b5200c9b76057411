#include "talk/mpi/watch.hpp"

#include "base/console.hpp"
#include "base/threads.hpp"

#include <tasker/error.hpp>

#include <boost/mpi/collectives.hpp>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace tasker::talk::mpi {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Those that are connected have said so; their lifelines are on the way.
constexpr auto kPatience = 10s;
constexpr std::uint32_t kFarewell = 0;

void say_unwatched(int rank, const std::string& why) {
  base::say("tasker: rank " + std::to_string(rank) +
            " can't be watched, so its death would not be noticed: " + why + "\n");
}

// Ends the process unless rank 0 has said farewell, or `stop` is readable.
void look_after(const talk::Lifeline& root, const base::Event& stop) {
  pollfd fds[] = {{root.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) continue;
  if (fds[1].revents == 0 && !root.hear()) _exit(exit_interrupted);
}

}  // namespace

Watch::Watch(const boost::mpi::communicator& comm, const Doorbell& doorbell) {
  const int rank = comm.rank();
  in_port_t port = 0;
  if (rank == 0) {
    workers_.emplace(doorbell.address(), doorbell.secret(), static_cast<std::size_t>(comm.size()));
    port = workers_->port();
  }
  boost::mpi::broadcast(comm, port, 0);
  int connected = 0;
  if (rank != 0) {
    try {
      root_.emplace(doorbell.addresses_of(0), port, doorbell.secret(), static_cast<std::uint32_t>(rank));
      connected = 1;
    } catch (const SystemError& error) {
      say_unwatched(rank, error.what());
    }
  }
  std::vector<int> all;
  boost::mpi::gather(comm, connected, all, 0);
  if (rank == 0) await(all);
  if (!root_) return;
  try {
    stop_.emplace();
    thread_ = base::start_thread("watch", [this](const std::stop_token&) { look_after(*root_, *stop_); });
  } catch (...) {
    root_->say(kFarewell);  // this rank lives to tell why it ends
    throw;
  }
}

Watch::~Watch() {
  if (workers_) workers_->say(kFarewell);
  if (!root_) return;
  root_->say(kFarewell);
  stop_->set();
  thread_.join();
}

// Those ranks have connected, but what they say may still be under way.
void Watch::await(const std::vector<int>& connected) {
  const auto deadline = Clock::now() + kPatience;
  for (int rank = 1; rank < static_cast<int>(connected.size()); ++rank) {
    const auto is_settled = [&] {
      return workers_->holds(static_cast<std::uint32_t>(rank)) ||
             std::find(lost_.begin(), lost_.end(), rank) != lost_.end();
    };
    while (connected[static_cast<std::size_t>(rank)] != 0 && !is_settled()) {
      pollfd fd{workers_->fd(), POLLIN, 0};
      const auto left = std::max<Clock::duration>(deadline - Clock::now(), 0s);
      if (poll(&fd, 1, static_cast<int>(left / 1ms)) == 0) lost_.push_back(rank);
      look();
    }
  }
}

void Watch::look() {
  for (const talk::Lifelines::End& end : workers_->look())
    if (!end.last_word) lost_.push_back(static_cast<int>(end.number));
}

std::vector<int> Watch::take_lost() {
  look();
  return std::exchange(lost_, {});
}

void Watch::set_lost_after(std::chrono::milliseconds lost_after) {
  if (workers_) workers_->set_lost_after(lost_after);
  if (root_) root_->set_lost_after(lost_after);
}

}  // namespace tasker::talk::mpi
