#pragma once

#include "execute/recorder.hpp"
#include "store/journal.hpp"

#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

namespace tasker::execute {

/// Frames go to this process's own journal; the states of tasks under way lie beside it.
class JournalSink final : public FrameSink {
 public:
  /// `fence`: of its run. When that is gone, states are another run's affair. `power`: Durability::power.
  JournalSink(store::JournalWriter journal, std::filesystem::path fence, bool power)
      : journal_(std::move(journal)), fence_(std::move(fence)), power_(power) {}

  void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) override;
  void save(const store::StateName& name, std::string_view state) override;
  void sync() override {
    if (power_) journal_.sync();
  }
  void close() { journal_.close(); }

 private:
  store::JournalWriter journal_;
  std::filesystem::path fence_;
  bool power_;
  std::map<std::uint64_t, store::StateName> states_;  // saved here, of tasks that are not done
};

}  // namespace tasker::execute
