#pragma once

#include "execute/desk.hpp"
#include "execute/recorder.hpp"

#include <string_view>
#include <utility>

namespace tasker::execute {

/// Frames go to rank 0, which writes them, in order with all other messages.
class MailSink final : public FrameSink {
 public:
  /// `waits`: while too many bytes are under way. Slots don't: nothing is taken from them meanwhile.
  MailSink(Desk& desk, std::uint64_t seed, bool waits) : desk_(desk), seed_(seed), waits_(waits) {}

  void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) override {
    while (waits_ && !desk_.has_credit()) desk_.wait();
    std::string message = talk::pack(talk::Records{});
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

}  // namespace tasker::execute
