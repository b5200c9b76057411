#include "runtime/serve.hpp"

#include "cluster/report.hpp"
#include "runtime/gather.hpp"
#include "runtime/journals.hpp"
#include "runtime/master.hpp"

#include <tasker/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace tasker::runtime {

namespace {

class Server {
 public:
  explicit Server(const Service& service)
      : service_(service),
        is_alone_(!service.peers.comm()),
        journals_(service.start, service.call, service.arguments, service.workspace),
        master_(service.peers, service.call.options, service.arguments, service.scheduler, service.tally,
                journals_) {}

  void serve() {
    service_.workspace.set_ranks_write(!is_alone_);
    for (const int rank : service_.peers.others()) master_.begin(rank, service_.start);
    for (;;) {
      begin_here();
      if (service_.scheduler.finished()) break;
      if (service_.time.is_over()) return give_up();
      if (master_.closed() && !computes_here()) throw_deserted();
      wait();
      master_.dispatch(Clock::now());
    }
    master_.finish();
    while (!master_.closed() && !service_.time.is_over()) wait();  // all that counts is recorded
    service_.workspace.set_ranks_write(!is_alone_ && !master_.all_closed());
    journals_.close();
  }

 private:
  bool computes_here() const { return is_alone_ || service_.call.options.root_computes; }

  /// Alone it computes what is there, by turns with making more; else it helps once all arguments are made.
  void begin_here() {
    if (has_begun_here_ || !computes_here() || !(is_alone_ || service_.arguments.all_made())) return;
    has_begun_here_ = true;
    master_.begin(talk::Peers::self, service_.start);
    master_.dispatch(Clock::now());
  }

  void wait() {
    auto watched = service_.time.watched();
    const Time until = std::min(service_.reporter.due(), service_.time.wake(Clock::now()));
    const auto envelope = service_.peers.wait(until, watched);
    if (envelope) hear(*envelope);
    if (service_.time.look(Clock::now())) {
      service_.scheduler.set_time(service_.time.frame());
      if (service_.time.stopped()) service_.scheduler.drain();
      master_.tell({service_.time.left(Clock::now()), service_.time.stopped()});
    }
    service_.attend();
  }

  void hear(const talk::Envelope& envelope) {
    const auto kind = talk::kind_of(envelope.bytes);
    if (envelope.source == talk::Peers::self && kind == talk::Kind::made) {
      const auto made = talk::unpack<talk::Made>(envelope.bytes);
      service_.scheduler.add(made.tasks, made.more);
      return;
    }
    master_.handle(envelope);
    if (kind == talk::Kind::ready) note(envelope.source);
    if (envelope.lost) say_lost(envelope.source);
  }

  void note(int rank) {
    const talk::Ready& who = master_.workers().at(rank);
    service_.least_cpus = std::min(service_.least_cpus, who.cpus);
    // Of each host one such rank, since there may be hundreds.
    if (who.sees_directory || !unseeing_hosts_.insert(who.host).second) return;
    service_.reporter.say(fmt::format("rank {} on {} does not see {}: its results travel to rank 0", rank,
                                      who.host, service_.workspace.directory().string()));
  }

  void say_lost(int rank) {
    cluster::report_lost_rank();
    const auto known = master_.workers().find(rank);
    const bool others_go_on = service_.has_launcher && !(master_.closed() && !computes_here());
    service_.reporter.say(
        lost_text(rank, service_.has_launcher, known == master_.workers().end() ? "" : known->second.host) +
        (others_go_on ? "; others take over its unfinished tasks" : ""));
  }

  void give_up() {
    master_.give_up(Clock::now());
    journals_.close();
  }

  [[noreturn]] void throw_deserted() const {
    throw Interrupted(fmt::format(
        "{}: no rank is left to compute: {} of {} tasks are missing{}; run the same "
        "command again",
        service_.call.path.string(), service_.scheduler.pending(), service_.call.count, master_.suspicion()));
  }

  const Service& service_;
  bool is_alone_;
  Journals journals_;
  Master master_;
  bool has_begun_here_ = false;
  std::set<std::string> unseeing_hosts_;
};

}  // namespace

void serve(const Service& service) { Server(service).serve(); }

}  // namespace tasker::runtime
