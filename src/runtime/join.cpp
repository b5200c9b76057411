#include "runtime/join.hpp"

#include "base/file.hpp"
#include "base/sleep.hpp"
#include "execute/worker.hpp"
#include "runtime/computation.hpp"
#include "runtime/gather.hpp"
#include "store/pulse.hpp"
#include "talk/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long to wait for a run that is about to hold the directory, before another look.
constexpr auto until_held = 20ms;
/// How long the main thread gets to come out of `fn` when this run must end.
constexpr auto moment_to_leave = 200ms;
/// How often this run gives the leader a sign of life.
constexpr auto between_signs = 2s;

/// Connects to the run that holds the directory; nothing if that run is gone, or does not hold it yet. Throws
/// `held` if this run can't join it.
std::optional<talk::Connection> connect(RootMap& map, const store::Held& held) {
  const store::Holder& holder = held.by().holder;
  const bool is_here = base::life_of(holder.process) != base::Life::unknown;
  if (held.by().holds && (map.call.options.join == Joining::never || holder.gate.empty() || !is_here)) {
    map.before.history.add(cluster::held);
    throw held;
  }
  std::optional<talk::Connection> connection;
  if (held.by().holds)
    connection =
        talk::connect_to(store::fence_path(map.workspace().directory(), holder.run) / store::gate_name);
  if (!connection) base::sleep_until(Clock::now() + until_held);
  return connection;
}

store::Pulse pulse_of(const RootMap& map, const store::Held& held) {
  return {map.workspace().directory(), held.by().holder.run, map.call.options.lease};
}

/// The ranks of this run during a map that another run leads. What the leader says to a rank is passed on to
/// it, and what a rank says to the leader: so ranks don't know that they compute for another run. When the
/// leader is gone, the ranks stay at work, and this run joins a successor or takes the lead.
class Joined {
 public:
  Joined(RootMap& map, const store::Held& held, talk::Connection connection)
      : map_(map),
        peers_(map.root.peers),
        desk_(map.root.desk),
        connection_(std::move(connection)),
        pulse_(pulse_of(map, held)),
        arguments_(map.arguments.digest()) {}

  std::shared_ptr<const store::Archive> run() {
    const base::WorkingDirectory restored;  // `fn` may change it, as on other ranks
    map_.set_lost_after();
    introduce();
    peers_.take(desk_);
    map_.root.thread.begin([this] { second_thread(); });
    execute::take_part(desk_, map_.call, [] { return false; });
    const struct Served {
      talk::Peers& peers;
      ~Served() { peers.let_go(); }
    } served{peers_};
    map_.root.thread.wait();
    return computation_ ? computation_->conclude() : archive_;
  }

 private:
  void introduce() {
    const Workspace& workspace = map_.workspace();
    const detail::MapCall& call = map_.call;
    const base::ProcessId& process = map_.self.process;
    talk::Join join{map_.self.run,
                    process.host,
                    process.boot,
                    process.pid,
                    process.started,
                    map_.self.job,
                    {},
                    call.options.slots,
                    call.options.isolation,
                    map_.time.left(Clock::now()),
                    map_.time.frame() ? map_.time.frame()->whole : std::chrono::nanoseconds(0),
                    map_.self.ghosts,
                    !at_work_.begun.empty(),
                    base::build_id(),
                    call.argument_type,
                    call.result_type,
                    workspace.digest(),
                    call.count,
                    arguments_};
    if (map_.root_computes()) join.ranks.push_back(talk::Peers::self);
    join.ranks.insert(join.ranks.end(), peers_.others().begin(), peers_.others().end());
    std::erase_if(join.ranks, [&](int rank) { return at_work_.closed.contains(rank); });
    started_.clear();
    connection_.send(talk::Connection::whole_run, talk::pack(join));
  }

  void second_thread() {
    try {
      while (!has_ended()) {
        follow();
        while (!has_ended() && connection_.has_ended()) find_leader();
      }
    } catch (const SystemError&) {
      // When the map has ended elsewhere, the directory is gone, and whoever still wants to write there
      // fails.
      if (computation_ || !has_ended_elsewhere()) {
        end_with(std::current_exception());
        throw;
      }
    } catch (...) {
      end_with(std::current_exception());
      throw;
    }
    desk_.close();
  }

  bool has_ended_elsewhere() {
    map_.look_again();
    archive_ = map_.workspace().finished();
    return archive_ != nullptr;
  }

  bool has_ended() const { return computation_ || archive_; }

  /// If the main thread stays in `fn`, this thread tells the other ranks how the map ends for this run. If
  /// the time is up, the process ends with that.
  void end_with(const std::exception_ptr& failure) {
    if (computation_) return;  // which has done so
    desk_.close();
    if (desk_.wait_until_left(Clock::now() + moment_to_leave)) return;
    const talk::Thrown end = talk::describe(failure);
    map_.root.is_told = true;
    peers_.send_to_others(talk::pack(talk::End{end}));
    if (map_.time.is_over()) map_.root.end_process(end);
  }

  /// Until the map ends, or the leader is gone.
  void follow() {
    while (!has_ended() && !connection_.has_ended()) {
      auto watched = map_.time.watched();
      const short wanted = connection_.has_unsent() ? POLLIN | POLLOUT : POLLIN;
      watched.push_back({connection_.fd(), wanted, 0});
      const Time until = std::min({map_.time.wake(Clock::now()), pulse_.due(), sign_due_});
      const auto envelope = peers_.wait(until, watched);
      if (envelope) hear_rank(*envelope);
      connection_.flush();
      while (const auto said = connection_.receive()) hear_leader(*said);
      const Time now = Clock::now();
      if (map_.time.look(now))
        tell_time();
      else if (now >= sign_due_)
        send_time();
      if (pulse_.is_frozen(now)) {
        map_.reporter.say("the run that this one has joined is frozen");
        map_.before.frozen = pulse_.run();
        connection_.close();
      }
      if (map_.time.is_over() || (map_.time.stopped() && at_work_.closed == at_work_.begun)) throw_stopped();
    }
  }

  /// Joins a successor of the leader, or becomes one.
  void find_leader() {
    map_.look_again();
    if ((archive_ = map_.workspace().finished())) return;
    try {
      // The program's code is not for this thread.
      detail::MapCall call = map_.call;
      call.expected = {};
      schedule::Plan plan = begin(map_, call);
      map_.reporter.say("the run that this one had joined is gone: this one leads from now on");
      computation_.emplace(map_, std::move(plan), at_work_);
      computation_->second_thread();
    } catch (const store::Held& held) {
      if (auto connection = connect(map_, held)) {
        connection_ = std::move(*connection);
        pulse_ = pulse_of(map_, held);
        introduce();
      }
    }
  }

  void hear_rank(const talk::Envelope& envelope) {
    const int rank = envelope.source;
    if (envelope.lost) {
      hear_of_loss(rank);
      at_work_.begun.erase(rank);
      at_work_.closed.erase(rank);
    } else {
      require_going_on(envelope);
      if (talk::kind_of(envelope.bytes) == talk::kind<talk::Closed>) at_work_.closed.insert(rank);
    }
    // What is for an earlier leader is nothing to this one.
    if (started_.contains(rank)) connection_.send(rank, envelope.bytes);
  }

  void hear_leader(const talk::Connection::Said& said) {
    const auto kind = talk::kind_of(said.message);
    if (said.rank == talk::Connection::whole_run)
      hear_leader(kind, said.message);
    else {
      if (kind == talk::kind<talk::Start>) note_start(said);
      peers_.send(said.rank, said.message);
    }
  }

  void note_start(const talk::Connection::Said& said) {
    started_.insert(said.rank);
    if (said.rank != talk::Peers::self && !peers_.others().contains(said.rank)) {
      connection_.send(said.rank, {});  // it is gone since this run has introduced itself
      return;
    }
    at_work_.begun.insert(said.rank);
    if (!map_.before.joined) map_.before.joined = talk::unpack<talk::Start>(said.message).sequence;
  }

  void hear_leader(std::optional<std::uint8_t> kind, const std::string& message) {
    if (kind == talk::kind<talk::Welcome>) {
      const auto welcome = talk::unpack<talk::Welcome>(message);
      const double share = static_cast<double>(welcome.done) / static_cast<double>(map_.call.count);
      map_.reporter.say(fmt::format("joined the run of {} on {}: {:.0f} % done, {}; Ctrl-C leaves it alone",
                                    welcome.user, welcome.host, 100 * share,
                                    count_text(welcome.workers, "worker")));
    } else if (kind == talk::kind<talk::Refused>) {
      map_.before.history.add(cluster::held);
      throw Interrupted(fmt::format("{} is held by another run, which this one can't join: {}",
                                    map_.workspace().directory().string(),
                                    talk::unpack<talk::Refused>(message).why));
    } else {
      end(talk::unpack<talk::End>(message));
    }
  }

  void end(const talk::End& end) {
    if (end.thrown) std::rethrow_exception(talk::to_exception(end.thrown));
    archive_ = store::Archive::open(end.path);
    if (!archive_ || archive_->description().id != end.archive)
      throw Interrupted(
          fmt::format("{} was replaced or removed right after it was written; run the same "
                      "command again",
                      end.path));
  }

  /// The leader hands out no more to this run, if it must stop; its ranks give back what they have not
  /// started.
  void tell_time() {
    const std::string time = send_time();
    peers_.send_to_others(time);
    desk_.hear(time);
  }

  /// Which is a sign of life, too.
  std::string send_time() {
    const Time now = Clock::now();
    sign_due_ = now + between_signs;
    std::string time = talk::pack(talk::TimeLeft{map_.time.left(now), map_.time.stopped()});
    connection_.send(talk::Connection::whole_run, time);
    return time;
  }

  [[noreturn]] void throw_stopped() const {
    throw Interrupted(fmt::format("{} was stopped {}; the run that it had joined goes on", map_.name,
                                  map_.time.reason(Clock::now())));
  }

  RootMap& map_;
  talk::Peers& peers_;
  execute::Desk& desk_;
  talk::Connection connection_;
  store::Pulse pulse_;  // of the leader
  Time sign_due_ = Clock::now();
  const Digest arguments_;
  AtWork at_work_;
  std::set<int> started_;                   // ranks that this leader has told that the map begins
  std::optional<Computation> computation_;  // since this run leads
  std::shared_ptr<const store::Archive> archive_;
};

}  // namespace

std::shared_ptr<const store::Archive> join(RootMap& map, const store::Held& held) {
  auto connection = connect(map, held);
  if (!connection) return nullptr;
  map.arguments.make(map.call.count);
  return Joined(map, held, std::move(*connection)).run();
}

}  // namespace tasker::runtime
