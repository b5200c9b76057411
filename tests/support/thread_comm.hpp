#pragma once

#include "talk/comm.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace tasker::test {

/// Ranks that are threads of one process, each with a Comm that really sleeps: what MPI is to real ones, but
/// with nothing in it that ThreadSanitizer can't see.
class ThreadNetwork {
 public:
  /// `arrives` may change or count a message before rank `to` gets it; called by any thread.
  using Arrives = std::function<void(int to, talk::Envelope&)>;

  explicit ThreadNetwork(int size, Arrives arrives = {});
  ~ThreadNetwork();
  ThreadNetwork(const ThreadNetwork&) = delete;
  ThreadNetwork& operator=(const ThreadNetwork&) = delete;

  talk::Comm& comm(int rank);

 private:
  class ThreadComm;
  Arrives arrives_;
  std::vector<std::unique_ptr<ThreadComm>> comms_;
};

}  // namespace tasker::test
