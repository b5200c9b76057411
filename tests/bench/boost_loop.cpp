// What the library is measured against: the master/worker loop that one writes by hand with Boost.MPI, one
// value a message. The results end in rank 0's memory, nothing is durable.
//
//     mpirun -n 3 boost_loop_bench TYPE TASKS        TYPE: double, string, vector, struct or class
#include "types.hpp"

#include <boost/mpi/communicator.hpp>
#include <boost/mpi/datatype.hpp>
#include <boost/mpi/environment.hpp>
#include <boost/serialization/vector.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace mpi = boost::mpi;

using tasker::bench::Row;

// The fastest way that Boost.MPI has for a struct: it becomes a datatype of MPI.
BOOST_IS_MPI_DATATYPE(Row)
namespace boost::serialization {
template <class Archive>
void serialize(Archive& archive, Row& row, unsigned /*version*/) {
  archive& row.beta& row.energy& row.size& row.error;
}
}  // namespace boost::serialization

namespace {

enum Tag { kTask, kResult, kStop };

template <class T>
std::vector<T> hand_out(const mpi::communicator& world, const std::vector<T>& args) {
  std::vector<T> results(args.size());
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
    T result{};
    const mpi::status status = world.recv(mpi::any_source, kResult, result);
    results[task_of[static_cast<std::size_t>(status.source())]] = std::move(result);
    --busy;
    serve(status.source());
  }
  return results;
}

template <class T, class Fn>
void work(const mpi::communicator& world, Fn fn) {
  for (;;) {
    const mpi::status status = world.probe(0, mpi::any_tag);
    if (status.tag() == kStop) {
      world.recv(0, kStop);
      return;
    }
    T arg{};
    world.recv(0, kTask, arg);
    world.send(0, kResult, fn(std::move(arg)));
  }
}

template <class T>
int run(const mpi::communicator& world, std::uint64_t tasks) {
  if (world.rank() > 0) {
    work<T>(world, [](T x) { return x; });
    return 0;
  }
  std::vector<T> args;
  for (std::uint64_t i = 0; i < tasks; ++i) args.push_back(tasker::bench::make<T>(i));
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<T> results = hand_out(world, args);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("seconds=%.6f rate=%.6g\n", seconds, static_cast<double>(tasks) / seconds);
  return results == args ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const mpi::environment environment(argc, argv);
  const mpi::communicator world;
  if (argc != 3 || world.size() < 2) {
    std::fprintf(stderr, "usage: mpirun -n RANKS boost_loop_bench TYPE TASKS, with 2 ranks or more\n");
    environment.abort(2);
  }
  const std::uint64_t tasks = std::stoull(argv[2]);
  return tasker::bench::with_type(argv[1], [&]<class T>() { return run<T>(world, tasks); });
}
