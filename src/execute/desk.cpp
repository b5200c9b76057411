#include "execute/desk.hpp"

#include "base/file.hpp"
#include "talk/messages.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tasker::execute {

namespace {
/// Bytes of frames on their way to rank 0, at which no more are posted.
constexpr std::uint64_t frames_limit = std::uint64_t{16} << 20;
}  // namespace

Desk::Desk() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_ < 0) base::throw_errno("create", "an eventfd");
}
Desk::~Desk() { ::close(event_); }

void Desk::push(std::shared_ptr<Chunk> chunk) {
  const std::lock_guard lock(mutex_);
  chunks_.push_back(std::move(chunk));
  changed_.notify_all();
}

std::shared_ptr<Chunk> Desk::find(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(chunks_.begin(), chunks_.end(), [&](const auto& chunk) { return chunk->id() == id; });
  return found == chunks_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<Chunk>> Desk::chunks() {
  const std::lock_guard lock(mutex_);
  return {chunks_.begin(), chunks_.end()};
}

std::vector<std::string> Desk::take_messages() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  while (::read(event_, &count, sizeof count) > 0) {
  }
  return std::exchange(messages_, {});
}

void Desk::close(bool revoke) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (revoke) {
    revoked_ = true;
    for (const auto& chunk : chunks_) chunk->revoke();
  }
  changed_.notify_all();
}

void Desk::credit(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  uncredited_ -= std::min(bytes, uncredited_);
  changed_.notify_all();
}

std::shared_ptr<Chunk> Desk::take_chunk() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || taken_ < chunks_.size(); });
  return take_locked();
}

std::shared_ptr<Chunk> Desk::poll_chunk() {
  const std::lock_guard lock(mutex_);
  return take_locked();
}

std::shared_ptr<Chunk> Desk::take_locked() {
  if (revoked_ || taken_ == chunks_.size()) return nullptr;
  return chunks_[taken_++];
}

bool Desk::is_done() {
  const std::lock_guard lock(mutex_);
  return closed_ && chunks_.empty();
}

void Desk::finish(const std::shared_ptr<Chunk>& chunk, const ChunkReport& report) {
  talk::Done done;
  done.chunk = chunk->id();
  done.tasks = report.tasks;
  done.busy = report.busy.count();
  done.failed = report.failed;
  done.failures = report.failures.groups();
  const std::lock_guard lock(mutex_);
  forget_locked(chunk);
  if (report.stopped) post_locked(talk::pack(talk::Kept{done.chunk, done.tasks, true}));
  if (done.tasks > 0) post_locked(talk::pack(std::move(done)));
}

void Desk::forget(const std::shared_ptr<Chunk>& chunk) {
  const std::lock_guard lock(mutex_);
  forget_locked(chunk);
}

void Desk::forget_locked(const std::shared_ptr<Chunk>& chunk) {
  chunks_.erase(std::find(chunks_.begin(), chunks_.end(), chunk));
  --taken_;
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
  return uncredited_ < frames_limit;
}

void Desk::wait_for_credit() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return revoked_ || uncredited_ < frames_limit; });
}

void Desk::post_locked(std::string message) {
  messages_.push_back(std::move(message));
  const std::uint64_t one = 1;
  (void)!::write(event_, &one, sizeof one);
}

}  // namespace tasker::execute
