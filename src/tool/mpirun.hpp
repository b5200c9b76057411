#pragma once

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "cluster/report.hpp"
#include "talk/lifeline.hpp"

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tasker::tool {

/// Runs mpirun and watches over it: where ranks outlive each other, mpirun always exits with 0, or never
/// returns.
class Mpirun {
 public:
  /// Listens for ranks, and sets the variable that holds the address. Without `other_hosts` no other host can
  /// connect. `lost_after`: how long rank 0's host may be silent.
  Mpirun(bool other_hosts, std::chrono::milliseconds lost_after);

  /// Runs mpirun to its end, passes signals on to it, and returns the run's exit code. To be called once.
  /// Throws UsageError if there is no mpirun.
  int run(const std::vector<std::string>& command);
  /// Whether it has ended since nothing was left for it, while other runs go on.
  bool left() const { return last_word_ && last_word_->left; }

 private:
  void start(const std::vector<std::string>& command);
  void wait(std::vector<pollfd> watched, base::Time deadline);
  void hear_ranks();
  void pass_on_signal();
  int exit_code(int status) const;

  talk::Secret secret_;
  talk::Lifelines ranks_;
  base::Descriptor signals_;  // a signalfd
  pid_t pid_ = -1;
  base::Descriptor pidfd_;
  bool seen_ = false;          // rank 0 has connected
  bool gone_ = false;          // rank 0 has ended
  std::optional<int> missed_;  // a rank that ended before all had met
  std::optional<cluster::LastWord> last_word_;
  bool stopped_ = false;                     // a signal has come
  base::Time deadline_ = base::Time::max();  // by then mpirun must have ended
};

}  // namespace tasker::tool
