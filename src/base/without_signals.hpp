#pragma once

#include <signal.h>

namespace tasker::base {

/// As long as this lives, a call of this thread that can't write says so by its error alone: nobody reads the
/// pipe, or the file has reached the limit on its size. Else SIGPIPE or SIGXFSZ would end the process before.
/// What the program makes of these signals, and what it starts, is not touched.
class WithoutSignals {
 public:
  WithoutSignals();
  ~WithoutSignals();  ///< Leaves errno as it is.
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace tasker::base
