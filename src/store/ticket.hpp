#pragma once

#include "talk/handshake.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace tasker::store {

/// An invitation to join the runs of a directory, for runs that don't see the directory. Serves as long as
/// the directory lives.
struct Ticket {
  std::string host;                    ///< Where the run was that wrote it, for people.
  std::vector<std::string> addresses;  ///< Where it listened, such as "10.1.2.3:4711".
  talk::Key key;                       ///< Of the directory.
};

/// For a file that nobody else may read.
std::string to_text(const Ticket& ticket);
/// Throws UsageError if the file can't be read, or is no ticket.
Ticket read_ticket(const std::filesystem::path& path);
/// Writes a file that only its owner may read, in place of what is there. Throws SystemError.
void write_ticket(const std::filesystem::path& path, const Ticket& ticket);

}  // namespace tasker::store
