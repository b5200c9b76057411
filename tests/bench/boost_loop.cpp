// What the library is measured against: the master/worker loop that one writes by hand with Boost.MPI, one
// double a message. The results end in rank 0's memory, nothing is durable.
//
//     mpirun -n 3 boost_loop_bench TASKS
#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace mpi = boost::mpi;

namespace {

enum Tag { kTask, kResult, kStop };

std::vector<double> hand_out(const mpi::communicator& world, const std::vector<double>& args) {
  std::vector<double> results(args.size());
  std::vector<std::size_t> task_of(static_cast<std::size_t>(world.size()));
  std::size_t next = 0;
  std::size_t busy = 0;
  const auto serve = [&](int worker) {
    if (next == args.size()) {
      world.send(worker, kStop);
      return;
    }
    task_of[static_cast<std::size_t>(worker)] = next;
    world.send(worker, kTask, args[next++]);
    ++busy;
  };
  for (int worker = 1; worker < world.size(); ++worker) serve(worker);
  while (busy > 0) {
    double result = 0;
    const mpi::status status = world.recv(mpi::any_source, kResult, result);
    results[task_of[static_cast<std::size_t>(status.source())]] = result;
    --busy;
    serve(status.source());
  }
  return results;
}

template <class Fn>
void work(const mpi::communicator& world, Fn fn) {
  for (;;) {
    const mpi::status status = world.probe(0, mpi::any_tag);
    if (status.tag() == kStop) {
      world.recv(0, kStop);
      return;
    }
    double arg = 0;
    world.recv(0, kTask, arg);
    world.send(0, kResult, fn(arg));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const mpi::environment environment(argc, argv);
  const mpi::communicator world;
  if (world.rank() > 0) {
    work(world, [](double x) { return x; });
    return 0;
  }
  if (argc != 2 || world.size() < 2) {
    std::fprintf(stderr, "usage: mpirun -n RANKS boost_loop_bench TASKS, with 2 ranks or more\n");
    environment.abort(2);
  }
  std::vector<double> args(std::stoull(argv[1]));
  for (std::size_t i = 0; i < args.size(); ++i) args[i] = 0.5 * static_cast<double>(i);
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<double> results = hand_out(world, args);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (results != args) return 1;
  std::printf("seconds=%.6f rate=%.6g\n", seconds, static_cast<double>(args.size()) / seconds);
}
