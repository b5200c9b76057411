// How fast a waiting rank wakes after a silence, and what the waiting costs: Mailbox::wait beside MPI_Recv,
// which spins, and beside a bare datagram that ends a poll(), which is the best that the kernel can do. Two
// ranks on one machine (one clock), run by tests/bench/wake:
//
//     mpirun -n 2 wake_bench LABEL [TRIALS]
//
// With TRIALS: so many after 4 s of silence, and nothing else; without MPI_Recv.
#include "base/descriptor.hpp"
#include "talk/mpi/mailbox.hpp"
#include "talk/mpi/session.hpp"

#include <tasker/error.hpp>

#include <mpi.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using tasker::base::Clock;

struct Series {
  std::chrono::milliseconds silence;
  int trials;       // of the mailbox and the datagram
  int spin_trials;  // of MPI_Recv: fewer, for they tell little that is new
};
const std::vector<Series> all_series = {{10ms, 400, 200}, {100ms, 60, 30}, {1s, 15, 5}, {4s, 7, 2}};

double seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string stamp() {
  const double now = seconds(CLOCK_MONOTONIC);
  return {reinterpret_cast<const char*>(&now), sizeof(now)};
}

double age_us(const char* bytes) {
  double then = 0;
  std::memcpy(&then, bytes, sizeof(then));
  return 1e6 * (seconds(CLOCK_MONOTONIC) - then);
}

/// A Unix datagram socket of rank 1, and its name, which the kernel has chosen and all ranks know.
class Datagram {
 public:
  Datagram() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un none{};
    none.sun_family = AF_UNIX;
    if (!fd_ || ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&none), sizeof none.sun_family) != 0 ||
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&name_), &size_) != 0)
      throw tasker::SystemError("cannot open a Unix socket");
    MPI_Bcast(&name_, sizeof name_, MPI_BYTE, 1, MPI_COMM_WORLD);
    MPI_Bcast(&size_, sizeof size_, MPI_BYTE, 1, MPI_COMM_WORLD);
  }
  void send(const std::string& message) const {
    if (::sendto(fd_.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&name_),
                 size_) < 0)
      throw tasker::SystemError("cannot send a datagram");
  }
  void wait(char* bytes, std::size_t size) const {
    pollfd polled{fd_.get(), POLLIN, 0};
    ::poll(&polled, 1, -1);
    if (::recv(fd_.get(), bytes, size, 0) < 0) throw tasker::SystemError("cannot receive a datagram");
  }

 private:
  tasker::base::Descriptor fd_;
  sockaddr_un name_{};
  socklen_t size_ = sizeof(sockaddr_un);
};

// Calls `receive` (which returns a latency in µs) for every trial and prints one row.
template <class Receive>
void measure(const char* label, const char* how, std::chrono::milliseconds silence, int trials,
             Receive receive) {
  receive();  // the series begins with a message
  const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  const double wall = seconds(CLOCK_MONOTONIC);
  std::vector<double> latencies;
  for (int i = 0; i < trials; ++i) latencies.push_back(receive());
  const double share = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (seconds(CLOCK_MONOTONIC) - wall);
  std::sort(latencies.begin(), latencies.end());
  std::printf("%-14s %-14s %8.2f s %10.0f us %10.0f us %10.3f %%\n", label, how,
              std::chrono::duration<double>(silence).count(), latencies[latencies.size() / 2],
              latencies[latencies.size() * 9 / 10], 100 * share);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  tasker::talk::mpi::Session session(argc, argv);
  tasker::talk::mpi::Mailbox mailbox(boost::mpi::communicator{});
  const char* label = argc > 1 ? argv[1] : "";
  // Over the network such a socket reaches nobody.
  std::optional<Datagram> datagram;
  if (mailbox.host_count() == 1) datagram.emplace();
  const int trials = argc > 2 ? std::stoi(argv[2]) : 0;
  const auto quiet = [&](std::chrono::milliseconds silence) { (void)mailbox.wait(Clock::now() + silence); };

  if (mailbox.rank() == 1) {
    std::printf("%-14s %-14s %10s %13s %13s %12s\n", "transport", "wait", "silence", "wake p50", "wake p90",
                "CPU");
  }
  for (const Series& series : trials > 0 ? std::vector<Series>{{4s, trials, 0}} : all_series) {
    if (mailbox.rank() == 0) {
      for (int i = 0; i <= series.trials; ++i) {
        quiet(series.silence);
        mailbox.send(1, stamp());
      }
      for (int i = 0; datagram && i <= series.trials; ++i) {
        quiet(series.silence);
        datagram->send(stamp());
      }
      for (int i = 0; series.spin_trials > 0 && i <= series.spin_trials; ++i) {
        quiet(series.silence);
        const std::string message = stamp();
        MPI_Send(message.data(), static_cast<int>(message.size()), MPI_BYTE, 1, 0, MPI_COMM_WORLD);
      }
    } else if (mailbox.rank() == 1) {
      measure(label, "Mailbox::wait", series.silence, series.trials,
              [&] { return age_us(mailbox.wait(Clock::now() + 1h)->bytes.data()); });
      if (datagram)
        measure(label, "datagram", series.silence, series.trials, [&] {
          char bytes[sizeof(double)];
          datagram->wait(bytes, sizeof(bytes));
          return age_us(bytes);
        });
      if (series.spin_trials == 0) continue;
      measure(label, "MPI_Recv", series.silence, series.spin_trials, [&] {
        char bytes[sizeof(double)];
        MPI_Recv(bytes, sizeof(bytes), MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        return age_us(bytes);
      });
    }
  }
}
