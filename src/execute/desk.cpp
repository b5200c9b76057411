#include "execute/desk.hpp"

#include "base/sleep.hpp"

#include <algorithm>
#include <utility>

namespace tasker::execute {

namespace {
/// With so many bytes of frames on their way to rank 0, no more are posted.
constexpr std::uint64_t most_uncredited = std::uint64_t{16} << 20;
}  // namespace

std::vector<std::string> Desk::take_messages() {
  const base::Lock lock(mutex_);
  if (messages_.empty()) return {};
  said_.clear();
  return std::exchange(messages_, {});
}

void Desk::hear(std::string message) {
  const auto kind = talk::kind_of(message);
  if (!kind) throw DamagedError("rank 0 sent nonsense");
  const base::Lock lock(mutex_);
  switch (*kind) {
    case talk::kind<talk::Start>: begin(talk::unpack<talk::Start>(message)); break;
    case talk::kind<talk::Assignment>: {
      std::string_view arguments = message;
      auto assignment = talk::unpack_front<talk::Assignment>(arguments);
      message.erase(0, message.size() - arguments.size());  // no copy of the arguments, which may be large
      chunks_.push_back(std::make_shared<Chunk>(std::move(assignment), std::move(message)));
      break;
    }
    case talk::kind<talk::TakeBackRequest>: {
      const auto id = talk::unpack<talk::TakeBackRequest>(message).chunk;
      const auto found = std::ranges::find(chunks_, id, [](const auto& chunk) { return chunk->id(); });
      if (found == chunks_.end()) break;  // it has ended: its report is the answer
      (*found)->take_back();
      post_kept(**found);
      break;
    }
    case talk::kind<talk::Recorded>:
      uncredited_ -= std::min(talk::unpack<talk::Recorded>(message).bytes, uncredited_);
      if (!frames_.empty()) frames_.pop_front();
      break;
    case talk::kind<talk::TimeLeft>: {
      const auto time = talk::unpack<talk::TimeLeft>(message);
      horizon_->set_time_left(time.left);
      if (!time.stop) break;
      horizon_->stop();
      for (const auto& chunk : chunks_) {
        if (chunk->kept() == 0) continue;  // all was taken back, maybe from an earlier leader
        chunk->revoke();
        post_kept(*chunk);
      }
      break;
    }
    case talk::kind<talk::Finish>: closed_ = true; break;
    default: throw DamagedError("rank 0 sent a message that only workers send");
  }
  found_.set();
}

/// A leader that takes over hears what is under way here. The rest is at its disposal.
void Desk::begin(talk::Start start) {
  start_ = std::move(start);
  horizon_->set_time_left(start_->time_left);
  if (!ready_) return;  // the main thread will say so
  ready_->leader = start_->leader;
  ready_->in_hand.clear();
  for (const auto& chunk : chunks_) {
    chunk->revoke();
    base::Ranges tasks = chunk->tasks();
    base::split_after(tasks, chunk->kept());
    if (!tasks.empty()) ready_->in_hand.push_back({chunk->id(), tasks});
  }
  post_locked(talk::pack(*ready_));
  for (std::string frame : frames_) {
    const std::string head = talk::pack(talk::Records{true});
    post_locked(std::move(frame.replace(0, head.size(), head)));
  }
}

void Desk::close() {
  const base::Lock lock(mutex_);
  revoked_ = true;
  for (const auto& chunk : chunks_) chunk->revoke();
  found_.set();
}

bool Desk::wait_until_left(Time deadline) {
  base::Lock lock(mutex_);
  return has_left_.wait_until(lock, deadline, [this]() TASKER_REQUIRES(mutex_) { return left_; });
}

void Desk::wait(Time deadline, std::span<pollfd> watched) {
  std::vector<pollfd> all{{found_.fd(), POLLIN, 0}};
  all.insert(all.end(), watched.begin(), watched.end());
  base::sleep_until(deadline, all);
  if (all[0].revents != 0) found_.clear();
  for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = all[i + 1].revents;
}

std::optional<talk::Start> Desk::start() {
  const base::Lock lock(mutex_);
  return start_;
}

std::shared_ptr<Chunk> Desk::take_chunk() {
  const base::Lock lock(mutex_);
  if (revoked_ || taken_ == chunks_.size()) return nullptr;
  return chunks_[taken_++];
}

bool Desk::is_done() {
  const base::Lock lock(mutex_);
  return revoked_ || (closed_ && chunks_.empty());
}

void Desk::finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report) {
  const base::Lock lock(mutex_);
  chunks_.erase(std::ranges::find(chunks_, chunk));
  --taken_;
  if (chunk->kept() > 0) post_locked(talk::pack(talk::Done{chunk->id(), report, report.left}));
}

void Desk::post(std::string message) {
  const base::Lock lock(mutex_);
  post_locked(std::move(message));
}

void Desk::post_ready(const talk::Ready& ready) {
  const base::Lock lock(mutex_);
  ready_ = ready;
  ready_->leader = start_->leader;
  post_locked(talk::pack(*ready_));
}

void Desk::post_frame(std::string message) {
  const base::Lock lock(mutex_);
  uncredited_ += message.size();
  // The other ranks of a leader's own run do not outlive it.
  if (start_ && start_->leader != start_->run) frames_.push_back(message);
  post_locked(std::move(message));
}

bool Desk::has_credit() {
  const base::Lock lock(mutex_);
  return revoked_ || uncredited_ < most_uncredited;
}

void Desk::leave() {
  const base::Lock lock(mutex_);
  left_ = true;
  has_left_.notify_all();
}

void Desk::post_locked(std::string message) {
  if (messages_.empty()) said_.set();
  messages_.push_back(std::move(message));
}

void Desk::post_kept(const Chunk& chunk) { post_locked(talk::pack(talk::Kept{chunk.id(), chunk.kept()})); }

}  // namespace tasker::execute
