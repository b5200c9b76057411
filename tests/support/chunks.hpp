#pragma once

#include "execute/run_chunk.hpp"

#include <tasker/detail/make_call.hpp>
#include <tasker/error.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Chunks of real maps, without a run around them.
namespace tasker::test {

using Attempts = std::vector<talk::Tried>;

struct KeptRecord {
  store::Outcome outcome;
  std::uint8_t binding;
  std::uint32_t attempt;
  std::string argument;
  std::string payload;
  std::string output;
  int times = 0;
};

/// Decodes what is written and keeps it by index.
class RecordSink final : public execute::FrameSink {
 public:
  void write(const store::FrameParts& parts) override {
    if (full) throw SystemError("No space left on device");
    largest = std::max(largest, parts.size());
    const std::string bytes = store::to_bytes(parts, 0);
    const auto frame = store::Frame::at(bytes);
    for (std::uint32_t i = 0; i < frame->records(); ++i) {
      const store::Record record = (*frame)[i];
      const int times = ++records[record.index].times;
      records[record.index] = {record.outcome,
                               record.binding,
                               record.attempt,
                               std::string(record.argument),
                               std::string(record.payload),
                               std::string(record.output),
                               times};
    }
  }
  void save(const store::StateName& name, std::string_view state) override {
    if (full) throw SystemError("No space left on device");
    saved.push_back(name);
    states[name.index] = state;
  }
  void sync() override {}

  std::vector<store::StateName> saved;
  std::map<std::uint64_t, std::string> states;
  std::map<std::uint64_t, KeptRecord> records;
  std::uint64_t largest = 0;  // size of a frame
  bool full = false;
};

/// The arguments 0, 10, 20 ..., a map of `fn` over them, and what becomes of one chunk of it.
template <class Fn>
struct Map {
  explicit Map(Fn fn) {
    for (int i = 0; i < 100; ++i) args.push_back(10 * i);
    call = detail::make_call("a.dat", std::move(fn), args, {});
  }

  execute::Chunk chunk(const base::Ranges& tasks, const Attempts& attempts = {}) {
    std::string arguments;
    for (const base::Range& range : tasks)
      call.encode_arguments(range.first, range.last, std::string::npos, arguments);
    return execute::Chunk({1, tasks, attempts}, arguments);
  }

  execute::ChunkReport run(execute::Chunk& tasks) {
    const store::Fingerprinter fingerprint(call);
    execute::Recorder recorder(sink, fingerprint, true);
    const auto load = [this](const store::StateName& name) {
      const auto found = sink.states.find(name.index);
      return found == sink.states.end() ? std::nullopt : std::optional(found->second);
    };
    return execute::run_chunk(tasks, {call, args.size(), fingerprint, horizon, load}, recorder);
  }
  execute::ChunkReport run(const base::Ranges& tasks, const Attempts& attempts = {}) {
    execute::Chunk one = chunk(tasks, attempts);
    return run(one);
  }

  /// The same, and what has failed is run again as rank 0 would have it. The reports of all chunks together.
  execute::ChunkReport run_again_and_again(const base::Ranges& tasks, const Attempts& attempts = {}) {
    execute::ChunkReport all = run(tasks, attempts);
    Attempts tried = attempts;
    while (!all.left.failed.empty()) {
      const base::Ranges failed = std::exchange(all.left.failed, {});
      Attempts before = std::exchange(tried, {});
      for (const base::Range& range : failed)
        for (std::uint64_t index = range.first; index < range.last; ++index) {
          const auto known = std::ranges::find(before, index, &talk::Tried::index);
          const talk::Tried last = known == before.end() ? talk::Tried{index} : *known;
          tried.push_back({index, last.attempt + 1, last.failed + 1});
        }
      const execute::ChunkReport more = run(failed, tried);
      all.add(more);
      all.left.failed = more.left.failed;
    }
    return all;
  }

  std::vector<int> args;
  detail::MapCall call;
  RecordSink sink;
  execute::Horizon horizon;
};

template <class R>
R result(const KeptRecord& record) {
  return detail::decode<R>(record.payload);
}

}  // namespace tasker::test
