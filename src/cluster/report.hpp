#pragma once

#include "base/lifeline.hpp"

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What rank 0 tells `tasker launch`, since mpirun loses it: that it lives, and how it ends.
namespace tasker::cluster {

/// The environment variable that leads to the launcher.
inline constexpr const char* launcher_variable = "TASKER_LAUNCHER";

/// Where the launcher listens: what the variable holds.
struct LauncherAddress {
  std::vector<in_addr_t> addresses;  ///< Like the port in network byte order.
  in_port_t port = 0;
  base::Secret secret{};

  std::string to_string() const;
  static std::optional<LauncherAddress> parse(const std::string& text);
};

/// The last word of rank 0.
struct LastWord {
  int exit_code = 0;
  bool lost_ranks = false;  ///< Ranks have died: mpirun may wait for them for ever.

  std::uint32_t to_number() const;
  static LastWord from_number(std::uint32_t number);
};

/// Whether `tasker launch` has started this process, so that other ranks live on when one dies.
bool has_launcher();

/// To be called by rank 0, once or more often: the launcher sees from now on that this process lives, and is
/// told its exit code when it exits. Does nothing without a launcher. Throws SystemError if it can't be
/// reached.
void report_to_launcher();
/// That code is certain already. For an end that skips what is done at exit.
void report_exit(int exit_code);
/// A rank has died.
void report_lost_rank();

}  // namespace tasker::cluster
