#include "runtime/join.hpp"

#include "base/file.hpp"
#include "base/sleep.hpp"
#include "cluster/history.hpp"
#include "execute/worker.hpp"
#include "runtime/gather.hpp"
#include "talk/connection.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long to wait for a run that is about to hold the directory, before another look.
constexpr auto until_held = 20ms;
/// How long the main thread gets to come out of `fn` when the time is up.
constexpr auto time_to_leave = 200ms;

/// The ranks of this run during a map that another run leads. What the leader says to a rank is passed on to
/// it, and what a rank says to the leader: so ranks don't know that they compute for another run.
class Joined {
 public:
  Joined(RootMap& map, talk::Connection connection)
      : map_(map), peers_(map.root.peers), desk_(map.root.desk), connection_(std::move(connection)) {}

  /// Until the map ends. Nothing if the leader is gone.
  std::optional<talk::End> take_part() {
    const base::WorkingDirectory restored;  // `fn` may change it, as on other ranks
    connection_.send(talk::Connection::whole_run, talk::pack(introduction()));
    peers_.take(desk_);
    map_.root.thread.begin([this] { second_thread(); });
    execute::take_part(desk_, map_.call, [] { return false; });
    const struct Served {
      talk::Peers& peers;
      ~Served() { peers.let_go(); }
    } served{peers_};
    map_.root.thread.wait();
    return end_;
  }

 private:
  talk::Join introduction() const {
    const Workspace& workspace = map_.workspace();
    const detail::MapCall& call = map_.call;
    talk::Join join{workspace.run(), base::this_process().host, workspace.job(), {}, call.options.slots,
                    call.options.isolation, base::build_id(), call.argument_type, call.result_type,
                    workspace.digest(), call.count, map_.arguments.digest()};
    if (map_.root_computes()) join.ranks.push_back(talk::Peers::self);
    join.ranks.insert(join.ranks.end(), peers_.others().begin(), peers_.others().end());
    return join;
  }

  void second_thread() {
    try {
      while (!end_ && !connection_.has_ended()) turn();
    } catch (...) {
      desk_.close();
      throw;
    }
    desk_.close();
  }

  void turn() {
    auto watched = map_.time.watched();
    const short wanted = connection_.has_unsent() ? POLLIN | POLLOUT : POLLIN;
    watched.push_back({connection_.fd(), wanted, 0});
    const auto envelope = peers_.wait(map_.time.wake(Clock::now()), watched);
    if (envelope) hear_rank(*envelope);
    connection_.flush();
    while (const auto said = connection_.receive()) hear_leader(*said);
    if (map_.time.look(Clock::now())) tell_time();
    if (map_.time.is_over() || (map_.time.stopped() && closed_ == begun_)) leave();
  }

  /// This run must stop, while others go on. If the main thread stays in `fn`, the process ends here.
  [[noreturn]] void leave() {
    const Interrupted interrupted(fmt::format("{} was stopped {}; the run that it had joined goes on", map_.name,
                                              map_.time.reason(Clock::now())));
    desk_.close();
    if (!closed_.contains(talk::Peers::self) && !desk_.wait_until_left(Clock::now() + time_to_leave)) {
      const talk::Thrown end = talk::describe(std::make_exception_ptr(interrupted));
      peers_.send_to_others(talk::pack(talk::End{end}));
      map_.root.is_told = true;
      map_.root.end_process(end);
    }
    throw interrupted;
  }

  void hear_rank(const talk::Envelope& envelope) {
    const int rank = envelope.source;
    if (envelope.lost) {
      hear_of_loss(rank);
      begun_.erase(rank);
      closed_.erase(rank);
      connection_.send(rank, {});
      return;
    }
    require_going_on(envelope);
    if (talk::kind_of(envelope.bytes) == talk::kind<talk::Closed>) closed_.insert(rank);
    connection_.send(rank, envelope.bytes);
  }

  void hear_leader(const talk::Connection::Said& said) {
    if (said.rank != talk::Connection::whole_run) {
      if (talk::kind_of(said.message) == talk::kind<talk::Start>) begun_.insert(said.rank);
      peers_.send(said.rank, said.message);
      return;
    }
    const auto kind = talk::kind_of(said.message);
    if (kind == talk::kind<talk::Welcome>) {
      const auto welcome = talk::unpack<talk::Welcome>(said.message);
      map_.reporter.say(fmt::format("joined the run of {} on {}: {:.0f} % done, {}; Ctrl-C leaves it alone",
                                    welcome.user, welcome.host,
                                    100 * static_cast<double>(welcome.done) / static_cast<double>(map_.call.count),
                                    count_text(welcome.workers, "worker")));
    } else if (kind == talk::kind<talk::Refused>) {
      cluster::add_history(cluster::held);
      throw Interrupted(fmt::format("{} is held by another run, which this one can't join: {}",
                                    map_.workspace().directory().string(),
                                    talk::unpack<talk::Refused>(said.message).why));
    } else {
      end_ = talk::unpack<talk::End>(said.message);
    }
  }

  /// The leader hands out no more to this run, if it must stop; its ranks give back what they have not
  /// started.
  void tell_time() {
    const talk::TimeLeft time{map_.time.left(Clock::now()), map_.time.stopped()};
    connection_.send(talk::Connection::whole_run, talk::pack(time));
    const std::string message = talk::pack(time);
    peers_.send_to_others(message);
    desk_.hear(message);
  }

  RootMap& map_;
  talk::Peers& peers_;
  execute::Desk& desk_;
  talk::Connection connection_;
  std::set<int> begun_;   // ranks for which the map has begun
  std::set<int> closed_;  // those of them that have closed their journals
  std::optional<talk::End> end_;
};

std::shared_ptr<const store::Archive> archive_of(const talk::End& end) {
  if (end.thrown) std::rethrow_exception(talk::to_exception(end.thrown));
  auto archive = store::Archive::open(end.path);
  return archive && archive->description().id == end.archive ? archive : nullptr;
}

}  // namespace

std::shared_ptr<const store::Archive> join(RootMap& map, const store::Held& held) {
  const auto fence = store::fence_path(map.workspace().directory(), held.by().holder.run);
  auto connection = held.by().holds ? talk::connect_to(store::gate_path(fence)) : std::nullopt;
  if (!connection) {
    if (held.by().holds && base::file_exists(fence)) {
      cluster::add_history(cluster::held);
      throw held;
    }
    base::sleep_until(Clock::now() + until_held);
    return nullptr;
  }
  map.arguments.make(map.call.count);
  const auto end = Joined(map, std::move(*connection)).take_part();
  return end ? archive_of(*end) : nullptr;
}

}  // namespace tasker::runtime
