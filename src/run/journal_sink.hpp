#pragma once

#include "execute/recorder.hpp"
#include "store/journal.hpp"

#include <string_view>
#include <utility>

namespace tasker::runtime {

/// Frames go to this process's own journal.
class JournalSink final : public execute::FrameSink {
 public:
  /// `power`: Durability::power.
  JournalSink(store::JournalWriter journal, bool power) : journal_(std::move(journal)), power_(power) {}

  void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) override {
    journal_.append(info, head, tail);
  }
  void sync() override {
    if (power_) journal_.sync();
  }
  void close() { journal_.close(); }

 private:
  store::JournalWriter journal_;
  bool power_;
};

}  // namespace tasker::runtime
