#pragma once

#include <string>

namespace tasker::tool {

/// The Slurm array that this process is part of, whose members all work on the same.
class Array {
 public:
  /// Throws UsageError outside a Slurm array.
  Array();

  /// This member's job, such as "4711_3".
  const std::string& member() const { return member_; }

  /// To be called when the run has ended with this exit code. If all is done, nothing is left for members
  /// that still wait in the queue: they are cancelled.
  void after(int exit_code) const;

 private:
  std::string id_;
  std::string member_;
};

}  // namespace tasker::tool
