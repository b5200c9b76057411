#pragma once

#include "talk/lifeline.hpp"

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What ranks tell `tasker launch`, since mpirun does not pass it on. Rank 0 tells its exit code. Every other
/// rank tells that all ranks have met: if it ends before, MPI would wait for it for ever.
namespace tasker::cluster {

/// The environment variable that holds the launcher's address.
inline constexpr const char* launcher_variable = "TASKER_LAUNCHER";

/// Where the launcher listens.
struct LauncherAddress {
  std::vector<in_addr_t> addresses;  ///< In network byte order, like the port.
  in_port_t port = 0;
  talk::Secret secret{};

  std::string to_string() const;
  static std::optional<LauncherAddress> parse(const std::string& text);
};

/// The last word of a rank.
struct LastWord {
  int exit_code = 0;
  bool lost_ranks = false;  ///< Ranks have died: mpirun may wait for them for ever.
  bool has_met = false;  ///< All ranks have met: from now on rank 0 looks after this one. Not said by rank 0.
  bool left = false;     ///< Nothing was left for this run, but other runs go on.

  std::uint32_t to_number() const;
  static LastWord from_number(std::uint32_t number);
};

/// Whether `tasker launch` has started this process, so that other ranks live on when one dies.
bool has_launcher();

/// Connects to the launcher, which then notices the death of this rank, and hears its exit code when it
/// exits. Does nothing without a launcher, or if it is connected. Throws SystemError if the launcher can't be
/// reached.
void report_to_launcher();
/// Tells the launcher that all ranks have met.
void report_meeting();
/// How long this rank waits for a sign of life from the launcher's host. The launcher itself reads
/// TASKER_LOST_AFTER.
void set_lost_after(std::chrono::milliseconds lost_after);
/// Tells the launcher the exit code at once, for an end that skips exit handlers.
void report_exit(int exit_code);
/// Makes this rank's last word say that other runs go on.
void report_left();
/// Makes this rank's last word say that ranks have died.
void report_lost_rank();

}  // namespace tasker::cluster
