#pragma once

#include "base/caught_signal.hpp"
#include "base/kept_thread.hpp"
#include "base/process.hpp"
#include "cluster/allocation.hpp"
#include "cluster/history.hpp"
#include "execute/desk.hpp"
#include "talk/peers.hpp"
#include "talk/thrown.hpp"

#include <tasker/detail/call.hpp>
#include <tasker/detail/result_source.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tasker::runtime {

/// Which functions of this program were mapped to which files. Functions that share a file and a digest share
/// results, so the first one counts as their author.
class Authors {
 public:
  /// Whether another function than `function` came first. `digest`: of what the program declares of it.
  bool is_another(const std::filesystem::path& path, const std::string& digest,
                  const detail::Function& function) {
    return first_.try_emplace({path.native(), digest}, function).first->second != function;
  }

 private:
  std::map<std::pair<std::string, std::string>, detail::Function> first_;
};

/// What all maps of a Tasker share on rank 0.
struct Root {
  talk::Peers& peers;
  base::KeptThread& thread;  ///< The second thread.
  /// Of this process, where it computes, too. One serves once: who takes part again needs another.
  std::optional<execute::Desk>& desk;
  Authors& authors;
  cluster::Allocation& allocation;  ///< Until when there is time.
  const base::CaughtSignal& drain;  ///< Asks this run to stop, as the end of the time does.
  /// For the second thread, while the main thread does not come out of `fn`: ends this process, with that
  /// message, and all other ranks.
  std::function<void(const talk::Thrown& why)> end_process;
  base::ProcessId process;    ///< This one.
  std::atomic<int>& workers;  ///< How many ranks compute now, of all runs that share the map.
  bool& leads;                ///< Whether this run has led the map.
  cluster::History history = {};
  bool is_told = false;  ///< Whether the second thread has told the other ranks how the map ends.
};

/// One map on rank 0; `sequence` counts the maps of its Tasker. All other ranks are told what it throws.
std::shared_ptr<const detail::ResultSource> map_on_root(Root& root, const detail::MapCall& call,
                                                        std::uint64_t sequence);

/// The same map on any other rank: this thread executes tasks, and `thread` talks to rank 0. Throws what rank
/// 0 throws.
std::shared_ptr<const detail::ResultSource> map_on_worker(talk::Comm& comm, base::KeptThread& thread,
                                                          execute::Desk& desk, const detail::MapCall& call,
                                                          std::uint64_t sequence);

}  // namespace tasker::runtime
