#include "talk/messages.hpp"

namespace tasker::talk {

std::optional<Kind> kind_of(std::string_view bytes) {
  if (bytes.empty() || static_cast<std::uint8_t>(bytes[0]) > static_cast<std::uint8_t>(Kind::leave))
    return std::nullopt;
  return static_cast<Kind>(bytes[0]);
}

}  // namespace tasker::talk
