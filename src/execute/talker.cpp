#include "execute/talker.hpp"

#include <exception>
#include <utility>

namespace tasker::execute {

std::optional<talk::End> Talker::turn() {
  pollfd said{desk_.fd(), POLLIN, 0};
  auto envelope = comm_.wait(Time::max(), {&said, 1});
  for (std::string& message : desk_.take_messages()) comm_.send(0, std::move(message));
  if (!envelope) return std::nullopt;
  if (envelope->source != 0)
    throw DamagedError("rank " + std::to_string(envelope->source) + " sent nonsense");
  const auto kind = talk::kind_of(envelope->bytes);
  if (kind == talk::kind<talk::End>) return talk::unpack<talk::End>(envelope->bytes);
  desk_.hear(std::move(envelope->bytes));
  if (kind == talk::kind<talk::Start>)
    comm_.set_lost_after(
        std::chrono::duration_cast<std::chrono::milliseconds>(desk_.start()->options.lost_after));
  return std::nullopt;
}

talk::End Talker::until_end() {
  std::optional<talk::End> end;
  bool in_trouble = false;
  while (!end) {
    try {
      end = turn();
    } catch (...) {
      const talk::Thrown trouble = talk::describe(std::current_exception());
      desk_.close();
      // Rank 0 is told, and ends the map on all ranks. If it can't be told, this rank stops alone.
      if (std::exchange(in_trouble, true) || !try_to_tell(trouble)) end = talk::End{trouble};
    }
  }
  desk_.close();
  return *end;
}

bool Talker::try_to_tell(const talk::Thrown& thrown) {
  try {
    comm_.send(0, talk::pack(talk::Trouble{thrown}));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace tasker::execute
