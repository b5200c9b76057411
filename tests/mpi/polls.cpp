// This program's ppoll() and MPI_Irecv(), in the place of those that the mailbox would call.
#include "mpi/polls.hpp"

#include <mpi.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

namespace tasker::test {

namespace {

using namespace std::chrono_literals;
using base::Clock;
using base::Time;

thread_local Polls* recorded = nullptr;
thread_local Time received;

Clock::duration duration_of(const timespec* timeout) {
  return timeout ? timeout->tv_sec * 1s + timeout->tv_nsec * 1ns : Clock::duration::max();
}

}  // namespace

Polls::Polls(const talk::mpi::Mailbox& mailbox) : fd_(mailbox.doorbell().fd()) { recorded = this; }
Polls::~Polls() { recorded = nullptr; }

Clock::duration Polls::longest_timeout() const {
  Clock::duration longest{0};
  for (const Poll& poll : all_) longest = std::max(longest, poll.timeout);
  return longest;
}

std::optional<Time> Polls::first_rung() const {
  for (const Poll& poll : all_)
    if (poll.rung) return poll.end;
  return std::nullopt;
}

long Polls::asleep_within_a_second_of(Time then) const {
  return std::count_if(all_.begin(), all_.end(), [&](const Poll& poll) {
    return poll.begin >= then && poll.begin < then + 1s && poll.timeout > 0s;
  });
}

Time last_receive() { return received; }

}  // namespace tasker::test

extern "C" int ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  using namespace tasker::test;
  timespec left{};  // the kernel says here what is left of it
  if (timeout) left = *timeout;
  const auto begin = Clock::now();
  const auto ready =
      static_cast<int>(syscall(SYS_ppoll, fds, count, timeout ? &left : nullptr, mask, _NSIG / 8));
  if (recorded && count > 0 && fds[0].fd == recorded->fd())
    recorded->add({begin, Clock::now(), duration_of(timeout), ready > 0 && fds[0].revents != 0});
  return ready;
}

extern "C" int MPI_Irecv(void* bytes, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm,
                         MPI_Request* request) {
  const int outcome = PMPI_Irecv(bytes, count, type, source, tag, comm, request);
  tasker::test::received = tasker::base::Clock::now();
  return outcome;
}
