#include "execute/listener.hpp"

#include <exception>
#include <memory>
#include <utility>

namespace tasker::execute {

void Listener::hear(std::string message) {
  const auto kind = talk::kind_of(message);
  if (!kind) throw DamagedError("rank 0 sent nonsense");
  switch (*kind) {
    case talk::Kind::start: {
      auto start = talk::unpack<talk::Start>(message);
      desk_.horizon().set_time_left(start.time_left);
      desk_.start(std::move(start));
      return;
    }
    case talk::Kind::assignment: {
      std::string_view arguments = message;
      auto tasks = talk::unpack_front<talk::Assignment>(arguments);
      message.erase(0, message.size() - arguments.size());  // they may be large: no copy
      desk_.push(std::make_shared<Chunk>(tasks.chunk, std::move(tasks.tasks), std::move(tasks.attempts),
                                         std::move(message)));
      return;
    }
    case talk::Kind::take_back: desk_.take_back(talk::unpack<talk::TakeBackRequest>(message).chunk); return;
    case talk::Kind::recorded: desk_.credit(talk::unpack<talk::Recorded>(message).bytes); return;
    case talk::Kind::time_left: {
      const auto time = talk::unpack<talk::TimeLeft>(message);
      desk_.horizon().set_time_left(time.left);
      if (time.stop) desk_.stop();
      return;
    }
    case talk::Kind::finish: desk_.close(false); return;
    default: throw DamagedError("rank 0 sent a message that only workers send");
  }
}

std::optional<talk::End> Talker::turn() {
  pollfd said{listener_.fd(), POLLIN, 0};
  auto envelope = comm_.wait(Time::max(), {&said, 1});
  for (std::string& message : listener_.take_messages()) comm_.send(0, std::move(message));
  if (!envelope) return std::nullopt;
  if (envelope->source != 0)
    throw DamagedError("rank " + std::to_string(envelope->source) + " sent nonsense");
  const auto kind = talk::kind_of(envelope->bytes);
  if (kind == talk::Kind::end) return talk::unpack<talk::End>(envelope->bytes);
  listener_.hear(std::move(envelope->bytes));
  if (kind == talk::Kind::start)
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
      desk_.close(true);
      // Rank 0 is told, and ends the map for all alike; but if even that fails, nobody can be told.
      if (std::exchange(in_trouble, true) || !try_to_tell(trouble)) end = talk::End{trouble};
    }
  }
  desk_.close(true);
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
