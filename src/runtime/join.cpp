#include "runtime/join.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "cluster/launcher.hpp"
#include "execute/worker.hpp"
#include "runtime/computation.hpp"
#include "runtime/find_leader.hpp"
#include "runtime/gather.hpp"
#include "runtime/open_gate.hpp"
#include "store/pulse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace tasker::runtime {

using namespace std::chrono_literals;

namespace {

/// How long the main thread gets to come out of `fn` when this run must end.
constexpr auto moment_to_leave = 200ms;
/// How often this run gives the leader a sign of life.
constexpr auto between_signs = 2s;
/// This process looks every two seconds, unless it stands still.
constexpr auto standstill = 5s;
/// How long a run that has joined waits for work, if the options don't say.
constexpr auto usual_idle_timeout = 5min;

/// Whether this run is one of many that nobody misses: a member of an array, or one that came by a ticket.
bool is_guest(const RootMap& map) { return !map.call.options.ticket.empty() || cluster::is_array_member(); }

std::chrono::nanoseconds idle_timeout(const RootMap& map) {
  if (map.call.options.idle_timeout >= 0s) return map.call.options.idle_timeout;
  return is_guest(map) ? 0s : usual_idle_timeout;
}

/// The ranks of this run during a map that another run leads. What the leader says to a rank is passed on to
/// it, and what a rank says to the leader: so ranks don't know that they compute for another run. When the
/// leader is gone, the ranks stay at work, and this run joins a successor or, if it sees the directory, takes
/// the lead.
class Joined {
 public:
  Joined(RootMap& map, Leader leader)
      : map_(map),
        peers_(map.root.peers),
        desk_(*map.root.desk),
        leader_(std::move(leader)),
        arguments_(map.arguments.digest()),
        digest_(base::to_hex(store::Fingerprinter(map.call).digest())) {
    if (leader_.held) follow_pulse();
  }

  Ended run() {
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
    return computation_ ? ended_with(computation_->conclude()) : ended_;
  }

 private:
  talk::Connection& connection() { return leader_.connection; }

  void follow_pulse() {
    pulse_.emplace(map_.workspace().directory(), leader_.held->by().holder.run, map_.call.options.lease);
    if (!leader_.held->by().holder.addresses.empty()) listen_as_successor(map_);
  }

  void introduce() {
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
                    digest_,
                    call.count,
                    arguments_,
                    map_.listener ? map_.listener->addresses() : std::vector<std::string>()};
    if (map_.root_computes()) join.ranks.push_back(talk::Peers::self);
    join.ranks.insert(join.ranks.end(), peers_.others().begin(), peers_.others().end());
    std::erase_if(join.ranks, [&](int rank) { return at_work_.closed.contains(rank); });
    started_.clear();
    idle_since_.reset();
    stand_ = {};
    heard_ = Clock::now();
    connection().send(talk::Connection::whole_run, talk::pack(join));
  }

  void second_thread() {
    try {
      while (!has_ended()) {
        follow();
        lost_ = Clock::now();
        while (!has_ended() && connection().has_ended()) find_leader();
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
    if (leader_.ticket) return false;
    map_.look_again();
    if (auto archive = map_.workspace().finished()) ended_ = ended_with(std::move(archive));
    return has_ended();
  }

  bool has_ended() const { return computation_ || ended_.results; }

  /// If the main thread stays in `fn`, this thread tells the other ranks how the map ends for this run. If
  /// the time is up, the process ends with that.
  void end_with(const std::exception_ptr& failure) {
    if (computation_) return;  // which has done so
    map_.reporter.end();
    desk_.close();
    if (desk_.wait_until_left(Clock::now() + moment_to_leave)) return;
    const talk::Thrown end = talk::describe(failure);
    map_.root.is_told = true;
    peers_.send_to_others(talk::pack(talk::End{end}));
    if (map_.time.is_over()) map_.root.end_process(end);
  }

  /// Until the map ends, or the leader is gone.
  void follow() {
    while (!has_ended() && !connection().has_ended()) {
      turn(pulse_ ? std::min(pulse_->due(), sign_due_) : sign_due_);
      const Time now = Clock::now();
      if (is_frozen(now)) {
        map_.reporter.say("the run that this one has joined is frozen");
        if (leader_.held) map_.before.frozen = pulse_->run();
        connection().close();
      }
      if (!leaves_ && idle_since_ && now - *idle_since_ >= idle_timeout(map_)) {
        leaves_ = true;
        tell_time();
      }
      if (leaves_ && at_work_.closed == at_work_.begun) throw_left();
    }
  }

  /// Waits for one event, and at most until then.
  void turn(Time until) {
    auto watched = map_.time.watched();
    const bool has_leader = !connection().has_ended();
    if (has_leader) {
      const short wanted = connection().has_unsent() ? POLLIN | POLLOUT : POLLIN;
      watched.push_back({connection().fd(), wanted, 0});
    }
    const auto envelope =
        peers_.wait(std::min({map_.time.wake(Clock::now()), map_.reporter.due(), until}), watched);
    if (envelope) hear_rank(*envelope);
    if (has_leader) hear_leader();
    const Time now = Clock::now();
    if (map_.time.look(now))
      tell_time();
    else if (now >= sign_due_)
      send_time();
    if (now >= map_.reporter.due()) map_.reporter.update(stand_);
    if (map_.time.is_over() || (map_.time.stopped() && at_work_.closed == at_work_.begun)) throw_stopped();
  }

  bool is_frozen(Time now) {
    if (pulse_) return pulse_->is_frozen(now);
    const bool stood_still = now - std::exchange(looked_, now) > standstill;
    if (stood_still || stand_.is_ending) heard_ = now;
    return now - heard_ >= map_.call.options.lease;
  }

  /// Joins a successor of the leader, or becomes one.
  void find_leader() {
    if (leader_.ticket) {
      find_by_ticket();
      return;
    }
    if (has_ended_elsewhere()) return;
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
        leader_ = {std::move(*connection), held};
        follow_pulse();
        introduce();
      }
    }
  }

  void find_by_ticket() {
    if (Clock::now() - lost_ >= patience_without_leader)
      throw Interrupted(
          fmt::format("{}: the run that this one had joined is gone, and no other one leads; run "
                      "the same command again when one does",
                      map_.name));
    try {
      if (auto connection = connect(map_, *leader_.ticket, successors_)) {
        leader_.connection = std::move(*connection);
        introduce();
        return;
      }
    } catch (const DamagedError&) {
      // The old leader is about to end, or a port belongs to somebody else by now.
    }
    const Time next = Clock::now() + between_attempts;
    while (Clock::now() < next) turn(next);
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
    if (started_.contains(rank) && !connection().has_ended()) connection().send(rank, envelope.bytes);
  }

  void hear_leader() {
    connection().flush();
    while (const auto said = receive()) {
      const auto kind = talk::kind_of(said->message);
      if (said->rank == talk::Connection::whole_run) {
        hear_leader(kind, said->message);
      } else {
        if (kind == talk::kind<talk::Start>) note_start(*said);
        if (kind == talk::kind<talk::Assignment>) idle_since_.reset();
        peers_.send(said->rank, said->message);
      }
    }
  }

  /// A connection that says what nobody has said is as good as lost.
  std::optional<talk::Connection::Said> receive() {
    try {
      return connection().receive();
    } catch (const DamagedError& error) {
      map_.reporter.say(fmt::format("the connection to the run that leads is given up: {}", error.what()));
      connection().close();
      return std::nullopt;
    }
  }

  void note_start(const talk::Connection::Said& said) {
    started_.insert(said.rank);
    if (said.rank != talk::Peers::self && !peers_.others().contains(said.rank)) {
      connection().send(said.rank, {});  // it is gone since this run has introduced itself
      return;
    }
    at_work_.begun.insert(said.rank);
    if (!map_.before.joined) map_.before.joined = talk::unpack<talk::Start>(said.message).sequence;
  }

  void hear_leader(std::optional<std::uint8_t> kind, const std::string& message) {
    heard_ = Clock::now();
    if (kind == talk::kind<talk::Stand>) {
      hear_stand(talk::unpack<talk::Stand>(message));
    } else if (kind == talk::kind<talk::Welcome>) {
      const auto welcome = talk::unpack<talk::Welcome>(message);
      map_.before.note_left(digest_, map_.call.path,
                            map_.call.count - std::min(welcome.done, map_.call.count));
      whom_ = fmt::format("the run of {} on {}", welcome.user, welcome.host);
      const double share = static_cast<double>(welcome.done) / static_cast<double>(map_.call.count);
      map_.reporter.say(fmt::format("joined {}: {:.0f} % done, {}; Ctrl-C leaves it alone", whom_,
                                    100 * share, count_text(welcome.workers, "worker")));
    } else if (kind == talk::kind<talk::Refused>) {
      throw_refused(talk::unpack<talk::Refused>(message).why);
    } else {
      end(talk::unpack<talk::End>(message));
    }
  }

  void hear_stand(talk::Stand stand) {
    stand_ = std::move(stand);
    successors_ = stand_.addresses;
    map_.root.workers = static_cast<int>(stand_.ranks);
    if (!stand_.is_idle || stand_.is_ending)
      idle_since_.reset();
    else if (!idle_since_)
      idle_since_ = heard_;
  }

  [[noreturn]] void throw_refused(const std::string& why) const {
    if (leader_.held) throw store::Held(map_.workspace().directory(), leader_.held->by(), why);
    throw Interrupted(fmt::format("{}: this run can't join that of the ticket {}: {}", map_.name,
                                  map_.call.options.ticket, why));
  }

  void end(const talk::End& end) {
    map_.reporter.end();
    if (end.thrown) std::rethrow_exception(talk::to_exception(end.thrown));
    if (leader_.ticket)
      throw Left(fmt::format("{}: all is done; the results are with {}", map_.name, whom_), exit_done);
    auto archive = store::Archive::open(end.path);
    if (!archive || archive->description().id != end.archive)
      throw Interrupted(
          fmt::format("{} was replaced or removed right after it was written; run the same "
                      "command again",
                      end.path));
    ended_ = ended_with(std::move(archive));
  }

  bool must_stop() const { return map_.time.stopped() || leaves_; }

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
    std::string time = talk::pack(talk::TimeLeft{map_.time.left(now), must_stop()});
    if (!connection().has_ended()) connection().send(talk::Connection::whole_run, time);
    return time;
  }

  [[noreturn]] void throw_stopped() const {
    throw Interrupted(fmt::format("{} was stopped {}; the run that it had joined goes on", map_.name,
                                  map_.time.reason(Clock::now())));
  }

  [[noreturn]] void throw_left() const {
    throw Left(fmt::format("{}: nothing is left for this run; {} goes on", map_.name, whom_),
               is_guest(map_) ? int{exit_done} : int{exit_interrupted});
  }

  RootMap& map_;
  talk::Peers& peers_;
  execute::Desk& desk_;
  Leader leader_;
  std::optional<store::Pulse> pulse_;  // of the leader, if this run sees the directory
  Time looked_ = Clock::now();
  Time heard_ = Clock::now();  // of the leader
  Time lost_{};                // when the leader was last lost
  Time sign_due_ = Clock::now();
  std::string whom_;   // this run has joined
  talk::Stand stand_;  // as the leader has told last
  std::vector<std::string> successors_;
  std::optional<Time> idle_since_;
  bool leaves_ = false;  // since nothing is left for this run
  const Digest arguments_;
  const std::string digest_;  // of the map
  AtWork at_work_;
  std::set<int> started_;                   // ranks that this leader has told that the map begins
  std::optional<Computation> computation_;  // since this run leads
  Ended ended_;
};

}  // namespace

std::optional<Ended> join(RootMap& map, const store::Held& held) {
  auto connection = connect(map, held);
  if (!connection) return std::nullopt;
  map.arguments.make(map.call.count);
  return Joined(map, {std::move(*connection), held}).run();
}

Ended join_by_ticket(RootMap& map) {
  Leader leader = find_by_ticket(map);
  map.arguments.make(map.call.count);
  return Joined(map, std::move(leader)).run();
}

}  // namespace tasker::runtime
