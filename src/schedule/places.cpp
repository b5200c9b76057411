#include "schedule/places.hpp"

#include <algorithm>
#include <utility>

namespace tasker::schedule {

void Places::join(int worker, const std::string& host) {
  expected_.erase(worker);
  Host& place = hosts_[host];
  place.name = host;
  Worker& joined = workers_[worker] = {{}, &place};
  if (joined.is_active()) count(place, true);
}

void Places::leave(int worker) {
  expected_.erase(worker);
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return;
  const bool was_active = found->second.is_active();
  found->second.here = false;
  if (was_active) count(*found->second.host, false);
  changed_ = changed_ || active_ == 0;
}

bool Places::is_active(int worker) const {
  const auto found = workers_.find(worker);
  return found != workers_.end() && found->second.is_active();
}

bool Places::may_try(int worker, const std::vector<int>& failed_at) const {
  std::set<const Host*> hosts;  // active ones on which it has failed
  std::size_t workers = 0;      // active ones at which it has failed
  for (const int other : failed_at) {
    const Worker& place = workers_.at(other);
    if (place.host->active > 0) hosts.insert(place.host);
    if (place.is_active()) ++workers;
  }
  if (!hosts.contains(workers_.at(worker).host)) return true;
  if (!expected_.empty() || hosts.size() < active_hosts_) return false;
  return workers == active_ || std::ranges::find(failed_at, worker) == failed_at.end();
}

Failure Places::failed(int worker) const {
  const Worker& place = workers_.at(worker);
  return {worker, place.successes, place.host->successes};
}

void Places::refute(const std::vector<Failure>& failures, int worker) {
  std::set<Place*> refuted;
  for (const Failure& failure : failures) {
    Worker& place = workers_.at(failure.worker);
    if (failure.worker != worker && failure.worker_successes == place.successes) refuted.insert(&place);
    if (place.host != workers_.at(worker).host && failure.host_successes == place.host->successes)
      refuted.insert(place.host);
  }
  for (Place* const place : refuted) ++place->refuted;
  changed_ = changed_ || !refuted.empty();
}

void Places::succeeded(int worker) {
  Worker& place = workers_.at(worker);
  for (Place* const here : {static_cast<Place*>(&place), static_cast<Place*>(place.host)}) {
    ++here->successes;
    here->refuted = 0;
    changed_ = changed_ || here->aside;
  }
}

bool Places::review() {
  if (!std::exchange(changed_, false)) return false;
  const std::size_t before = verdicts_.size();
  bring_back();
  set_aside();
  return verdicts_.size() > before;
}

void Places::bring_back() {
  for (auto& [name, host] : hosts_)
    if (host.aside && (!host.is_refuted() || active_ == 0)) set(host, false, {name});
  for (auto& [id, worker] : workers_)
    if (worker.here && worker.aside && (!worker.is_refuted() || active_ == 0))
      set(worker, false, {worker.host->name, id});
}

void Places::set_aside() {
  for (auto& [name, host] : hosts_)
    if (host.active > 1 && host.is_refuted() && host.active < active_) set(host, true, {name});
  for (auto& [id, worker] : workers_)
    if (worker.is_active() && worker.is_refuted() && active_ > 1) set(worker, true, {worker.host->name, id});
}

void Places::set(Place& place, bool aside, Verdict verdict) {
  place.aside = aside;
  if (!aside) place.refuted = 0;
  verdict.aside = aside;
  verdicts_.push_back(std::move(verdict));
  count_all();
}

std::vector<Verdict> Places::take_verdicts() { return std::exchange(verdicts_, {}); }

/// Counts a worker that becomes active on this host, or that is so no more.
void Places::count(Host& host, bool comes) {
  if (!comes) {
    --active_;
    if (--host.active == 0) --active_hosts_;
    return;
  }
  ++active_;
  if (++host.active == 1) ++active_hosts_;
}

void Places::count_all() {
  active_ = active_hosts_ = 0;
  for (auto& [name, host] : hosts_) host.active = 0;
  for (auto& [id, worker] : workers_)
    if (worker.is_active()) count(*worker.host, true);
}

}  // namespace tasker::schedule
