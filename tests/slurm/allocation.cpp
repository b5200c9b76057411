/// Tells what a job learns of its time: a line "LEFT WHOLE" in seconds, or "none", at first and whenever that
/// has changed. Asks far more often than a run does.
#include "cluster/allocation.hpp"

#include <chrono>
#include <iostream>
#include <thread>

int main() {
  using namespace std::chrono_literals;
  using std::chrono::seconds;
  tasker::cluster::Allocation allocation({30s, 30s, 200ms});
  for (bool first = true;; first = false) {
    const auto now = tasker::base::Clock::now();
    if (allocation.look(now) || first) {
      if (const auto limit = allocation.limit())
        std::cout << std::chrono::round<seconds>(limit->end - now).count() << ' '
                  << std::chrono::round<seconds>(limit->whole).count() << std::endl;
      else
        std::cout << "none" << allocation.trouble() << std::endl;
    }
    std::this_thread::sleep_for(50ms);
  }
}
