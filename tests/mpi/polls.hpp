#pragma once

#include "talk/mpi/mailbox.hpp"

#include <optional>
#include <vector>

/// How a mailbox waits: what can be said of that however busy the machine is.
namespace tasker::test {

struct Poll {
  base::Time begin;
  base::Time end;
  base::Clock::duration timeout;  ///< That was asked for; zero: to look without a pause.
  bool rung;                      ///< A ring has ended it.
};

/// Each ppoll() of this thread on the mailbox's doorbell, for as long as this lives.
class Polls {
 public:
  explicit Polls(const talk::mpi::Mailbox& mailbox);
  ~Polls();
  Polls(const Polls&) = delete;
  Polls& operator=(const Polls&) = delete;

  const std::vector<Poll>& all() const { return all_; }
  base::Clock::duration longest_timeout() const;
  /// When the first one ended that a ring has ended.
  std::optional<base::Time> first_rung() const;
  /// How many of those that began within a second from then on could sleep.
  long asleep_within_a_second_of(base::Time then) const;

  /// For who records them.
  int fd() const { return fd_; }
  void add(const Poll& poll) { all_.push_back(poll); }

 private:
  int fd_;
  std::vector<Poll> all_;
};

/// When this thread last began to receive an MPI message.
base::Time last_receive();

}  // namespace tasker::test
