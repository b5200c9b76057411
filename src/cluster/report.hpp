#pragma once

#include "talk/lifeline.hpp"

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What ranks tell `tasker launch`, since mpirun loses it: rank 0 how it ends, the others whether they end
/// before all have met, for whom MPI would wait for ever.
namespace tasker::cluster {

/// The environment variable that leads to the launcher.
inline constexpr const char* launcher_variable = "TASKER_LAUNCHER";

/// Where the launcher listens: what the variable holds.
struct LauncherAddress {
  std::vector<in_addr_t> addresses;  ///< Like the port in network byte order.
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

  std::uint32_t to_number() const;
  static LastWord from_number(std::uint32_t number);
};

/// Whether `tasker launch` has started this process, so that other ranks live on when one dies.
bool has_launcher();

/// The launcher sees from now on that this rank lives, and is told its exit code when it exits. Does nothing
/// without a launcher, and when it is done. Throws SystemError if the launcher can't be reached.
void report_to_launcher();
/// All ranks have met.
void report_meeting();
/// How long the launcher's host may be silent; on its side that is the environment's affair.
void set_lost_after(std::chrono::milliseconds lost_after);
/// That code is certain already. For an end that skips what is done at exit.
void report_exit(int exit_code);
/// A rank has died.
void report_lost_rank();

}  // namespace tasker::cluster
