#include "execute/slots/kept_text.hpp"

#include <algorithm>

namespace tasker::execute::slots {

void KeptText::append(std::string_view bytes) {
  std::uint64_t at = size_;
  size_ = at + bytes.size();
  while (!bytes.empty()) {
    char* const part = at < half ? head_ : tail_;
    const std::size_t place = at % half;
    const std::size_t size = std::min(bytes.size(), half - place);
    bytes.copy(part + place, size);
    bytes.remove_prefix(size);
    at += size;
  }
}

std::string KeptText::text() const {
  const std::uint64_t size = size_;
  std::string text(head_, std::min<std::uint64_t>(size, half));
  if (size <= half) return text;
  if (size <= 2 * half) return text.append(tail_, size - half);
  text += "\n[tasker: " + std::to_string(size - 2 * half) + " bytes left out]\n";
  const std::size_t oldest = size % half;
  return text.append(tail_ + oldest, half - oldest).append(tail_, oldest);
}

}  // namespace tasker::execute::slots
