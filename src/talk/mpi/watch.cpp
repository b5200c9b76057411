#include "talk/mpi/watch.hpp"

#include "base/console.hpp"
#include "base/sleep.hpp"
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

// How long rank 0 waits for the lifeline of a rank that says it has connected.
constexpr auto patience = 10s;
constexpr std::uint32_t farewell = 0;

// Ends the process unless rank 0 has said farewell, or `stop` is readable.
void look_after(const talk::Lifeline& root, const base::Event& stop) {
  pollfd fds[] = {{root.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) continue;
  if (fds[1].revents == 0 && !root.hear()) _exit(exit_system);
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
      base::say("tasker: rank " + std::to_string(rank) +
                " can't be watched, so its death would not be noticed: " + error.what() + "\n");
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
    root_->say(farewell);  // this rank lives to tell why it ends
    throw;
  }
}

Watch::~Watch() {
  if (workers_) workers_->say(farewell);
  if (!root_) return;
  root_->say(farewell);
  stop_->set();
  thread_.join();
}

// Waits until rank 0 has heard from each rank that has connected. One that stays silent is lost.
void Watch::await(const std::vector<int>& connected) {
  const auto deadline = base::Clock::now() + patience;
  for (int rank = 1; rank < static_cast<int>(connected.size()); ++rank) {
    const auto is_settled = [&] {
      return workers_->holds(static_cast<std::uint32_t>(rank)) ||
             std::ranges::find(lost_, rank, &Lost::rank) != lost_.end();
    };
    while (connected[static_cast<std::size_t>(rank)] != 0 && !is_settled()) {
      pollfd fd{workers_->fd(), POLLIN, 0};
      if (base::sleep_until(deadline, {&fd, 1})) lost_.push_back({rank});
      look();
    }
  }
}

void Watch::look() {
  for (const talk::Lifelines::End& end : workers_->look())
    if (!end.last_word) lost_.push_back({static_cast<int>(end.number), end.silent});
}

std::vector<Watch::Lost> Watch::take_lost() {
  look();
  return std::exchange(lost_, {});
}

void Watch::set_lost_after(std::chrono::milliseconds lost_after) {
  if (workers_) workers_->set_lost_after(lost_after);
  if (root_) root_->set_lost_after(lost_after);
}

}  // namespace tasker::talk::mpi
