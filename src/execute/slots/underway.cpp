#include "execute/slots/underway.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <utility>

namespace tasker::execute::slots {

std::uint64_t Underway::index(std::uint64_t place) const {
  for (const base::Range& range : order.tasks) {
    if (place < range.size()) return range.first + place;
    place -= range.size();
  }
  throw DamagedError("its process recorded more tasks than it had");
}

std::optional<std::string_view> Underway::argument(std::uint64_t index) const {
  detail::Reader in(arguments);
  for (const base::Range& range : order.tasks)
    for (std::uint64_t task = range.first; task < range.last; ++task) {
      const std::string_view found = in.bytes(in.number<std::uint64_t>());
      if (task == index) return found;
    }
  return std::nullopt;
}

std::uint32_t Underway::attempt() const {
  for (const auto& [task, attempt] : order.attempts)
    if (task == order.tasks.front().first) return attempt;
  return 1;
}

void Underway::set_attempt(std::uint32_t attempt) {
  const std::uint64_t task = order.tasks.front().first;
  const auto place = std::lower_bound(order.attempts.begin(), order.attempts.end(), std::pair(task, 0U));
  if (place != order.attempts.end() && place->first == task)
    place->second = attempt;
  else
    order.attempts.insert(place, {task, attempt});
}

Underway Underway::part(std::uint64_t first, std::uint64_t last, bool again) const {
  Underway part;
  base::Ranges head = order.tasks;
  part.order.again = again;
  part.order.tasks = base::split_after(head, first);
  base::split_after(part.order.tasks, last - first);
  part.order.attempts = order.attempts;
  detail::Reader in(arguments);
  const auto skip = [&in](std::uint64_t count) {
    for (; count > 0; --count) in.bytes(in.number<std::uint64_t>());
    return in.left();
  };
  const std::string_view from_first = skip(first);
  part.arguments = from_first.substr(0, from_first.size() - skip(last - first).size());
  part.size = last - first;
  part.before = again ? 0 : before + first;
  if (first == recorded) {
    part.order.tries = tries(recorded, failures);
    if (failures > 0) part.set_attempt(part.attempt() + failures);
  }
  return part;
}

}  // namespace tasker::execute::slots
