#pragma once

#include <string>
#include <vector>

namespace tasker::talk {

/// A peer in this process, as the thread sees it that talks to it.
class LocalPeer {
 public:
  virtual ~LocalPeer() = default;
  virtual void hear(std::string message) = 0;
  /// What it has said since.
  virtual std::vector<std::string> take_messages() = 0;
  /// Readable when it has said something.
  virtual int fd() const = 0;
};

}  // namespace tasker::talk
