#pragma once

#include "talk/comm.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tasker::test {

/// All ranks in one process and one thread. A message is bytes, as with MPI, and stays under way until the
/// test delivers it: in order between any two ranks, otherwise in whichever order the test likes.
class FakeNetwork {
 public:
  explicit FakeNetwork(int size);
  ~FakeNetwork();
  FakeNetwork(const FakeNetwork&) = delete;
  FakeNetwork& operator=(const FakeNetwork&) = delete;

  talk::Comm& comm(int rank) const;

  /// The messages under way from one rank to another, oldest first.
  const std::deque<std::string>& under_way(int from, int to) const;
  std::size_t under_way() const;
  /// Lets the oldest of them arrive: the receiver's next wait returns it.
  void deliver(int from, int to);
  /// That rank dies, with all that is under way to it and from it: the next thing that rank 0 hears.
  /// `silent`: since nothing is heard of its host.
  void lose(int rank, bool silent = false);

 private:
  class FakeComm;
  std::vector<std::unique_ptr<FakeComm>> comms_;
  std::map<std::pair<int, int>, std::deque<std::string>> queues_;
};

}  // namespace tasker::test
