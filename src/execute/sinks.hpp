#pragma once

#include "base/file.hpp"
#include "execute/desk.hpp"
#include "execute/recorder.hpp"
#include "store/journal.hpp"

#include <tasker/detail/call.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace tasker::execute {

/// The name of a rank's journal. The rank may be `JournalName::leader`.
store::JournalName journal_name(const talk::Start& start);

/// The writer of that journal. `host` and `build`: where, and by which program, its tasks are computed.
store::JournalWriter journal_of(const talk::Start& start, const detail::MapCall& call,
                                const store::Fingerprinter& fingerprint, const std::string& host,
                                const std::string& build);

/// Writes frames to this process's own journal, and the states of running tasks to files beside it.
class JournalSink final : public FrameSink {
 public:
  /// `leader`: tells which run leads now.
  JournalSink(const talk::Start& start, const detail::MapCall& call, const store::Fingerprinter& fingerprint,
              std::function<std::string()> leader);

  void write(const store::FrameParts& frame) override;
  void save(const store::StateName& name, std::string_view state) override;
  void sync() override;
  void close() { journal_.close(); }

 private:
  store::JournalWriter journal_;
  /// Once no run that this rank knows has its fence, the states belong to another run.
  bool may_touch_states() const { return base::file_exists(store::fence_path(directory_, leader_())); }
  std::filesystem::path directory_;
  std::function<std::string()> leader_;
  bool power_;                                        // Durability::power
  std::map<std::uint64_t, store::StateName> states_;  // of tasks that have saved here and are not done
};

/// Sends frames to rank 0, which writes them, in order with all other messages.
class MailSink final : public FrameSink {
 public:
  /// With `waits`, `write` waits while too many bytes are on their way. A rank with slots need not wait:
  /// meanwhile it takes no frames from them.
  MailSink(Desk& desk, std::uint64_t seed, bool waits) : desk_(desk), seed_(seed), waits_(waits) {}

  void write(const store::FrameParts& frame) override;

 private:
  Desk& desk_;
  std::uint64_t seed_;
  bool waits_;
};

}  // namespace tasker::execute
