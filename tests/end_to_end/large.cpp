/// Maps a large argument, then an empty one, for the test that counts copies; `name=value` arguments:
///
///   archive=FILE     path of the map            size=BYTES     of the large argument
///   pids=FILE        gets "rank pid" of every rank
///   results=FILE     gets, as JSON, the most memory of every rank's process, and of that which calls fn
#include "settings.hpp"

#include <tasker/tasker.hpp>

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace {

/// The most memory that this process has had, in bytes.
std::uint64_t peak() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes << 10;
  }
  throw tasker::SystemError("cannot read VmHWM in /proc/self/status");
}

void say(const std::string& who, std::uint64_t bytes) {
  std::ofstream(settings["results"], std::ios::app)
      << R"({"who": ")" + who + R"(", "result": )" + std::to_string(bytes) + "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  read_settings(argc, argv);
  return tasker::run(argc, argv, [](tasker::Tasker& tasker) {
    std::ofstream(settings["pids"], std::ios::app)
        << std::to_string(tasker.rank()) + " " + std::to_string(::getpid()) + "\n";
    std::vector<std::string> texts;
    if (tasker.is_root()) texts = {std::string(std::stoull(settings["size"]), 'x'), ""};
    const auto peaks = tasker.map(
        settings["archive"], [](const std::string& text) { return text.empty() ? peak() : 0; }, texts);
    say("rank " + std::to_string(tasker.rank()), peak());
    if (tasker.is_root()) say("fn", peaks[1]);
  });
}
