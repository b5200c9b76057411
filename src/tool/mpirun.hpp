#pragma once

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

/// mpirun, watched over: with ranks that outlive each other it always exits 0, and may not return at all.
class Mpirun {
 public:
  /// Sets the variable that leads ranks here. `other_hosts`: they may be on others, else nobody else can
  /// reach this. `lost_after`: how long rank 0's host may be silent.
  Mpirun(bool other_hosts, std::chrono::milliseconds lost_after);

  /// Runs it to its end; passes signals on; returns the run's exit code. Once. Throws UsageError if there is
  /// no mpirun.
  int run(const std::vector<std::string>& command);

 private:
  using Clock = std::chrono::steady_clock;

  void start(const std::vector<std::string>& command);
  void wait(std::vector<pollfd> watched, std::optional<Clock::time_point> deadline);
  void hear_ranks();
  void pass_on_signal();
  void press();
  int exit_code(int status) const;

  talk::Secret secret_;
  talk::Lifelines ranks_;
  base::Descriptor signals_;  // a signalfd
  pid_t pid_ = -1;
  base::Descriptor pidfd_;
  bool seen_ = false;          // rank 0 has been
  bool gone_ = false;          // and is no more
  std::optional<int> missed_;  // a rank that ended before all had met
  std::optional<cluster::LastWord> last_word_;
  bool stopped_ = false;                       // by a signal
  std::optional<Clock::time_point> deadline_;  // mpirun shall have ended
  bool pressed_ = false;                       // it was told so
};

}  // namespace tasker::tool
