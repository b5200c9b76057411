#pragma once

#include "execute/slots/slot_child.hpp"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace tasker::test {

/// What the child shares with its rank, as a task may find it by accident.
inline execute::slots::SlotPage& slot_page() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0;
    std::uintptr_t last = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> first >> dash >> last;
    const bool shared =
        line.find(" rw-s ") != std::string::npos && last - first >= sizeof(execute::slots::SlotPage);
    // The kernel gives addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
    if (shared) return *reinterpret_cast<execute::slots::SlotPage*>(first);
  }
  throw std::logic_error("no page is shared");
}

}  // namespace tasker::test
