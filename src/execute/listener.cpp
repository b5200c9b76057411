#include "execute/listener.hpp"

#include "talk/map_end.hpp"

#include <utility>
#include <vector>

namespace tasker::execute {

std::optional<talk::End> Listener::handle(const talk::Envelope& envelope) {
  const auto kind = talk::kind_of(envelope.bytes);
  if (!kind || envelope.source != 0)
    throw DamagedError("rank " + std::to_string(envelope.source) + " sent nonsense");
  switch (*kind) {
    case talk::Kind::assignment: {
      auto work = talk::unpack<talk::Assignment>(envelope.bytes);
      desk_.push(std::make_shared<Chunk>(work.chunk, std::move(work.tasks), std::move(work.attempts),
                                         std::move(work.arguments)));
      return std::nullopt;
    }
    case talk::Kind::take_back: {
      const auto request = talk::unpack<talk::TakeBackRequest>(envelope.bytes);
      talk::Kept kept;
      kept.chunk = request.chunk;
      const auto chunk = desk_.find(request.chunk);
      kept.known = chunk != nullptr;
      if (chunk) kept.kept = chunk->take_back();
      comm_.send(0, talk::pack(kept));
      return std::nullopt;
    }
    case talk::Kind::recorded:
      desk_.credit(talk::unpack<talk::Recorded>(envelope.bytes).bytes);
      return std::nullopt;
    case talk::Kind::time_left: {
      const auto time = talk::unpack<talk::TimeLeft>(envelope.bytes);
      horizon_.set_time_left(std::chrono::nanoseconds(time.left));
      if (time.stop) stop();
      return std::nullopt;
    }
    case talk::Kind::finish: desk_.close(false); return std::nullopt;
    case talk::Kind::end: return talk::unpack<talk::End>(envelope.bytes);
    default: throw DamagedError("rank 0 sent a message that only workers send");
  }
}

/// What is not started goes back, what is started is asked to end.
void Listener::stop() {
  horizon_.stop();
  for (const auto& chunk : desk_.chunks()) {
    chunk->revoke();
    comm_.send(0, talk::pack(talk::Kept{chunk->id(), chunk->kept(), true}));
  }
}

void Listener::send_messages() {
  for (std::string& message : desk_.take_messages()) comm_.send(0, std::move(message));
}

std::optional<talk::End> Listener::hear(std::span<pollfd> watched, Time deadline) {
  std::vector<pollfd> all{{desk_.fd(), POLLIN, 0}};
  all.insert(all.end(), watched.begin(), watched.end());
  const auto envelope = comm_.wait(deadline, all);
  for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = all[i + 1].revents;
  send_messages();
  return envelope ? handle(*envelope) : std::nullopt;
}

talk::End Listener::listen() {
  std::optional<talk::End> end;
  bool in_trouble = false;
  while (!end) {
    try {
      end = hear();
    } catch (...) {
      const talk::End trouble = talk::describe(std::current_exception());
      desk_.close(true);
      // Rank 0 is told, and ends the map for all alike; but if even that fails, nobody can be told.
      if (std::exchange(in_trouble, true) || !try_to_tell(trouble)) end = trouble;
    }
  }
  desk_.close(true);
  return *end;
}

bool Listener::try_to_tell(const talk::End& trouble) {
  try {
    comm_.send(0, talk::pack(talk::Trouble{trouble.exit_code, trouble.message}));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace tasker::execute
