#pragma once

#include "execute/recorder.hpp"
#include "run/desk.hpp"
#include "run/messages.hpp"

#include <string_view>
#include <utility>

namespace tasker::runtime {

/// Frames go to rank 0, which writes them, in order with all other messages.
class MailSink final : public execute::FrameSink {
 public:
  /// `waits`: while too many bytes are under way, for the thread that talks is another one.
  MailSink(Desk& desk, std::uint64_t seed, bool waits) : desk_(desk), seed_(seed), waits_(waits) {}

  void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) override {
    if (waits_) desk_.wait_for_credit();
    std::string message = pack(Records{});
    const std::string header = store::frame_header(info, head, tail, seed_);
    message.reserve(message.size() + header.size() + head.size() + tail.size());
    message.append(header).append(head).append(tail);
    desk_.post_frame(std::move(message));
  }
  void sync() override {}

 private:
  Desk& desk_;
  std::uint64_t seed_;
  bool waits_;
};

}  // namespace tasker::runtime
