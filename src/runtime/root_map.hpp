#pragma once

#include "execute/work.hpp"
#include "runtime/arguments.hpp"
#include "runtime/map.hpp"
#include "runtime/progress.hpp"
#include "runtime/settings.hpp"
#include "runtime/timekeeper.hpp"
#include "runtime/workspace.hpp"
#include "schedule/scheduler.hpp"
#include "talk/gate.hpp"
#include "talk/messages.hpp"
#include "talk/tcp.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace tasker::runtime {

/// One map on rank 0, once all ranks have called it: what its steps share.
struct RootMap {
  /// Waits for all ranks. Throws like `gather`, and UsageError if the path can't be that of an archive.
  RootMap(Root& root, const detail::MapCall& call, std::uint64_t sequence);

  bool is_first() const { return sequence == 1; }
  bool is_alone() const { return !root.peers.comm(); }
  bool root_computes() const { return is_alone() || call.options.root_computes; }
  /// How many tasks can be computed at the same time.
  std::uint32_t workers() const;
  /// On how many hosts the ranks of this run are.
  std::uint64_t hosts() const {
    return is_alone() ? 1 : static_cast<std::uint64_t>(root.peers.comm()->host_count());
  }

  Root& root;
  std::uint64_t sequence;
  std::string name;  ///< The path as the program gave it.
  base::Time begin = Clock::now();
  Settings settings;
  Timekeeper time;
  Reporter reporter;
  detail::MapCall call;  ///< With an absolute path, since `fn` may change the working directory.
  Arguments arguments;
  store::Holder self;  ///< This run: of that name are its fence and its ranks' journals.
  Before before;
  const bool has_launcher;  ///< Ranks live on when one is lost.
  /// Where runs of other hosts can join, or could if this run took the lead.
  std::optional<talk::Listener> listener;
  std::optional<talk::Gate> gate;  ///< While this run holds the directory, if others can join.
  bool is_open_to_hosts = false;   ///< Whether the gate listens there, too.

  std::map<std::string, int> attempts;  ///< To reach a run on another host, by run.

  /// Hosts of this run that are silent for longer than the options say are gone from now on.
  void set_lost_after();
  /// Looks at the directory and the archive anew.
  void look_again();
  Workspace& workspace() { return *workspace_; }
  const Workspace& workspace() const { return *workspace_; }

 private:
  detail::MapCall prepared(detail::MapCall call);
  std::optional<Workspace> workspace_;  // destroyed before the gate: whoever finds no gate finds no fence
};

/// Takes the directory, plans the tasks and says what is going to happen. `call`: that of the map, perhaps
/// without code of the program that is not to be called now. Throws like Workspace::open.
schedule::Plan begin(RootMap& map, const detail::MapCall& call);

/// How a map has ended.
struct Ended {
  std::shared_ptr<const detail::ResultSource> results;
  talk::End end;  ///< For other ranks.
};
Ended ended_with(std::shared_ptr<const store::Archive> archive);
talk::End end_of(const store::Archive& archive);

}  // namespace tasker::runtime
