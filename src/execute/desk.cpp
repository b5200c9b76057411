#include "execute/desk.hpp"

#include "base/sleep.hpp"

#include <algorithm>
#include <utility>

namespace tasker::execute {

namespace {
/// Bytes of frames on their way to rank 0, at which no more are posted.
constexpr std::uint64_t frames_limit = std::uint64_t{16} << 20;
}  // namespace

std::vector<std::string> Desk::take_messages() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return {};
  said_.clear();
  return std::exchange(messages_, {});
}

void Desk::start(talk::Start start) {
  const std::lock_guard lock(mutex_);
  start_ = std::move(start);
  found_.set();
}

void Desk::push(std::shared_ptr<Chunk> chunk) {
  const std::lock_guard lock(mutex_);
  chunks_.push_back(std::move(chunk));
  found_.set();
}

std::shared_ptr<Chunk> Desk::find(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  return find_locked(id);
}

std::shared_ptr<Chunk> Desk::find_locked(std::uint64_t id) const {
  const auto found = std::ranges::find(chunks_, id, [](const auto& chunk) { return chunk->id(); });
  return found == chunks_.end() ? nullptr : *found;
}

void Desk::take_back(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  if (const auto chunk = find_locked(id)) post_locked(talk::pack(talk::Kept{id, chunk->take_back()}));
}

void Desk::stop() {
  horizon_->stop();
  const std::lock_guard lock(mutex_);
  for (const auto& chunk : chunks_) {
    chunk->revoke();
    post_locked(talk::pack(talk::Kept{chunk->id(), chunk->kept()}));
  }
}

void Desk::close(bool revoke) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (revoke) {
    revoked_ = true;
    for (const auto& chunk : chunks_) chunk->revoke();
  }
  found_.set();
}

void Desk::credit(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  uncredited_ -= std::min(bytes, uncredited_);
  found_.set();
}

bool Desk::wait_until_left(Time deadline) {
  std::unique_lock lock(mutex_);
  return has_left_.wait_until(lock, deadline, [this] { return left_; });
}

void Desk::wait(Time deadline, std::span<pollfd> watched) {
  std::vector<pollfd> all{{found_.fd(), POLLIN, 0}};
  all.insert(all.end(), watched.begin(), watched.end());
  base::sleep_until(deadline, all);
  if (all[0].revents != 0) found_.clear();
  for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = all[i + 1].revents;
}

std::optional<talk::Start> Desk::start() {
  const std::lock_guard lock(mutex_);
  return start_;
}

std::shared_ptr<Chunk> Desk::take_chunk() {
  const std::lock_guard lock(mutex_);
  if (revoked_ || taken_ == chunks_.size()) return nullptr;
  return chunks_[taken_++];
}

bool Desk::is_done() {
  const std::lock_guard lock(mutex_);
  return revoked_ || (closed_ && chunks_.empty());
}

void Desk::finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report) {
  const std::lock_guard lock(mutex_);
  chunks_.erase(std::ranges::find(chunks_, chunk));
  --taken_;
  if (report.stopped) post_locked(talk::pack(talk::Kept{chunk->id(), report.tasks}));
  if (report.tasks > 0) post_locked(talk::pack(talk::Done{chunk->id(), report}));
}

void Desk::post(std::string message) {
  const std::lock_guard lock(mutex_);
  post_locked(std::move(message));
}

void Desk::post_frame(std::string message) {
  const std::lock_guard lock(mutex_);
  uncredited_ += message.size();
  post_locked(std::move(message));
}

bool Desk::has_credit() {
  const std::lock_guard lock(mutex_);
  return revoked_ || uncredited_ < frames_limit;
}

void Desk::leave() {
  const std::lock_guard lock(mutex_);
  left_ = true;
  has_left_.notify_all();
}

void Desk::post_locked(std::string message) {
  if (messages_.empty()) said_.set();
  messages_.push_back(std::move(message));
}

}  // namespace tasker::execute
