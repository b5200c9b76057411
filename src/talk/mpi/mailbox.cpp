#include "talk/mpi/mailbox.hpp"

#include "base/sleep.hpp"
#include "talk/mpi/session.hpp"

#include <tasker/error.hpp>

#include <boost/mpi/exception.hpp>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace tasker::talk::mpi {
namespace {

using namespace std::chrono_literals;

// A message travels as one MPI message (whole_tag), or as its length in 8 bytes (long_tag) and then its parts
// (part_tag). MPI keeps their order.
enum Tag : int { whole_tag = 1, long_tag = 2, part_tag = 3 };

// MPI_Iprobe looks first and makes progress afterwards: one look misses what has just arrived. But each one
// costs system calls, and where ranks outnumber cores it gives the core away, for a millisecond or longer.
constexpr int looks_if_expected = 3;

// Over a network a ring overtakes its message by about this much.
constexpr auto ring_lead = 200us;

// How long to sleep without a ring: calm, when nothing is known to be amiss …
constexpr Clock::duration shortest_calm_sleep = 5ms;
constexpr Clock::duration longest_calm_sleep = 500ms;
// … and alert, when only looking shows what has come: a sixteenth of the silence so far.
constexpr int alert_factor = 16;
constexpr Clock::duration shortest_alert_sleep = 1ms;
constexpr Clock::duration longest_alert_sleep = 20ms;

// The doorbell and the watch, which are polled before the caller's descriptors.
constexpr int own_fds = 2;

// Bytes that move more slowly than 20 MB/s are not worth a busy core.
constexpr Clock::duration slowest_byte = 50ns;

boost::mpi::communicator duplicate(const boost::mpi::communicator& comm) {
  require_serialized();
  boost::mpi::communicator copy(comm, boost::mpi::comm_duplicate);
  // Boost.MPI has no function for this. Without it an error would end the job instead of being thrown.
  MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN);
  return copy;
}

/// The value of `call`, a call of Boost.MPI. Throws SystemError where MPI refuses it.
template <class Call>
auto asked(Call call) {
  try {
    return call();
  } catch (const boost::mpi::exception& error) {
    throw SystemError(error.what());
  }
}

[[noreturn]] void broken(int source) {
  throw SystemError("rank " + std::to_string(source) +
                    " sent something that is not a message of this program");
}

}  // namespace

Mailbox::Mailbox(const boost::mpi::communicator& comm, MailboxOptions options)
    : comm_(duplicate(comm)),
      options_(options),
      doorbell_(comm_),
      watch_(comm_, doorbell_),
      peers_(static_cast<std::size_t>(comm_.size())),
      last_event_(Clock::now()) {}

Mailbox::~Mailbox() {
  for (auto i = incoming_.begin(); i != incoming_.end();) i = abandon(i);
}

// ---- sending

void Mailbox::send(int to, std::string message) {
  if (to < 0 || to >= size() || to == rank())
    throw std::invalid_argument("rank " + std::to_string(rank()) + " cannot send to rank " +
                                std::to_string(to));
  Peer& peer = peers_[static_cast<std::size_t>(to)];
  if (peer.lost) return;
  const auto bytes = std::make_shared<const std::string>(std::move(message));
  asked([&] {
    const std::uint64_t length = bytes->size();
    if (length <= options_.part_limit) return outbox_.post(comm_, to, whole_tag, bytes, 0, length);
    const auto header =
        std::make_shared<const std::string>(reinterpret_cast<const char*>(&length), sizeof(length));
    outbox_.post(comm_, to, long_tag, header, 0, header->size());
    for (std::size_t done = 0; done < length; done += options_.part_limit)
      outbox_.post(comm_, to, part_tag, bytes, done, std::min(options_.part_limit, length - done));
  });
  ++peer.sent;
  ring(to, Doorbell::Call::message, peer.sent);
  last_event_ = Clock::now();
}

void Mailbox::ring(int to, Doorbell::Call call, std::uint64_t number) const {
  if (!options_.mute) doorbell_.ring(to, call, number);
}

void Mailbox::release_sent() {
  if (asked([&] { return outbox_.release(); })) last_event_ = Clock::now();
}

bool Mailbox::flush(Time deadline) {
  for (;;) {
    // Receives meanwhile: two ranks may be flushing long messages to each other.
    while (match()) continue;
    for (const Watch::Lost& lost : lost_) outbox_.abandon(lost.rank);
    release_sent();
    if (outbox_.empty()) return true;
    if (Clock::now() >= deadline) return false;
    sleep(deadline, {});
  }
}

// ---- receiving

std::optional<Envelope> Mailbox::receive() {
  const bool expected = owing_ > 0 || unheard_ > 0 || woke_by_itself_ || under_way();
  const int looks = expected ? looks_if_expected : 1;
  for (int misses = 0; misses < looks;) {
    if (auto envelope = finished()) return envelope;
    if (!match()) ++misses;
  }
  return std::nullopt;
}

// Finds the next MPI message and begins to receive it; false if there is none. Only one thread uses MPI, so
// the message that was probed is the one that is received.
bool Mailbox::match() {
  const auto found = asked([&] { return comm_.iprobe(); });
  if (!found) return false;
  last_event_ = Clock::now();
  const auto count = found->count<char>();
  const int source = found->source();
  const int tag = found->tag();
  if (!count || *count < 0) broken(source);
  const auto size = static_cast<std::size_t>(*count);
  if (peers_[static_cast<std::size_t>(source)].lost) {
    discard(source, tag, size);
    return true;
  }

  // At most one message of a source is incomplete, since its parts come in order.
  const auto open = std::find_if(incoming_.begin(), incoming_.end(), [&](const Incoming& incoming) {
    return incoming.source == source && incoming.matched < incoming.bytes.size();
  });
  const bool expects_part = open != incoming_.end();
  if (expects_part != (tag == part_tag)) broken(source);

  if (tag == part_tag) {
    if (size == 0 || size > open->bytes.size() - open->matched) broken(source);
    receive_part(*open, tag, size);
  } else if (tag == whole_tag) {
    begin(source, size);
    receive_part(incoming_.back(), tag, size);
  } else {
    std::uint64_t length = 0;
    if (tag != long_tag || size != sizeof(length)) broken(source);
    // Does not wait: MPI sends so few bytes together with the envelope.
    asked([&] { comm_.recv(source, tag, reinterpret_cast<char*>(&length), sizeof(length)); });
    if (length == 0 || length > std::string().max_size()) broken(source);
    begin(source, length);
  }
  return true;
}

void Mailbox::begin(int source, std::size_t size) {
  incoming_.push_back({source, std::string(size, '\0'), 0, {}});
  Peer& peer = peers_[static_cast<std::size_t>(source)];
  const bool owed = peer.owes();
  ++peer.received;
  if (owed && !peer.owes()) --owing_;
  if (woke_by_itself_ && peer.received > peer.rung && !peer.unheard) {
    peer.unheard = true;
    ++unheard_;
  }
}

void Mailbox::receive_part(Incoming& incoming, int tag, std::size_t size) {
  auto& request = incoming.parts.emplace_back(asked([&] {
    return comm_.irecv(incoming.source, tag, incoming.bytes.data() + incoming.matched,
                       static_cast<int>(size));
  }));
  incoming.matched += size;
  if (asked([&] { return request.test(); })) return;
  ring(incoming.source, Doorbell::Call::receiving, size);
  push(size);
}

// The first message that is complete, unless an earlier one of the same source is not.
std::optional<Envelope> Mailbox::finished() {
  for (auto i = incoming_.begin(); i != incoming_.end(); ++i) {
    const auto same_source = [&](const Incoming& earlier) { return earlier.source == i->source; };
    if (i->matched < i->bytes.size() || std::any_of(incoming_.begin(), i, same_source)) continue;
    std::erase_if(i->parts, [](auto& part) { return asked([&] { return !part.active() || part.test(); }); });
    if (!i->parts.empty()) continue;
    Envelope envelope{i->source, std::move(i->bytes)};
    incoming_.erase(i);
    last_event_ = Clock::now();
    return envelope;
  }
  return std::nullopt;
}

// As in ~Outbox: a receive whose message has been found can't be cancelled either.
std::list<Mailbox::Incoming>::iterator Mailbox::abandon(std::list<Incoming>::iterator incoming) {
  static auto& abandoned = *new std::list<Incoming>();
  const auto next = std::next(incoming);
  abandoned.splice(abandoned.end(), incoming_, incoming);
  return next;
}

// Receives and drops a message of a rank that was taken for gone.
void Mailbox::discard(int source, int tag, std::size_t size) {
  const auto incoming = incoming_.insert(incoming_.end(), {source, std::string(size, '\0'), 0, {}});
  auto& request = incoming->parts.emplace_back(
      asked([&] { return comm_.irecv(source, tag, incoming->bytes.data(), static_cast<int>(size)); }));
  if (asked([&] { return request.test(); }))
    incoming_.erase(incoming);
  else
    abandon(incoming);
}

// ---- ranks that are gone

std::optional<Envelope> Mailbox::next_lost() {
  if (lost_.empty()) return std::nullopt;
  const auto [rank, silent] = lost_.front();
  lost_.pop_front();
  Peer& peer = peers_[static_cast<std::size_t>(rank)];
  if (peer.owes()) --owing_;
  if (peer.unheard) --unheard_;
  peer = {};
  peer.lost = true;
  outbox_.abandon(rank);
  for (auto i = incoming_.begin(); i != incoming_.end();) i = i->source == rank ? abandon(i) : std::next(i);
  return Envelope{rank, {}, true, silent};
}

// ---- sleeping

std::optional<Envelope> Mailbox::wait(Time deadline, std::span<pollfd> watched) {
  for (pollfd& fd : watched) fd.revents = 0;
  woke_by_itself_ = false;
  for (bool over = false;;) {
    if (auto envelope = receive()) return envelope;
    if (auto lost = next_lost()) return lost;
    if (over) break;
    release_sent();
    sleep(deadline, watched);
    const auto ready = [](const pollfd& fd) { return fd.revents != 0; };
    const bool called = std::any_of(polled_.begin(), polled_.begin() + own_fds, ready);
    const bool found = std::any_of(polled_.begin() + own_fds, polled_.end(), ready);
    if (found && !called) break;
    over = found || Clock::now() >= deadline;
  }
  for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = polled_[i + own_fds].revents;
  return std::nullopt;
}

// Sleeps until there is a ring, something watched is ready, or it is time to look into MPI again; `until` at
// the latest.
void Mailbox::sleep(Time until, std::span<const pollfd> watched) {
  if (!under_way()) moving_until_ = Time{};
  const Time now = Clock::now();
  const Clock::duration length =
      until <= now ? Clock::duration::zero() : std::min(until - now, patience(now));
  polled_ = {{doorbell_.fd(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
  polled_.insert(polled_.end(), watched.begin(), watched.end());
  woke_by_itself_ = base::sleep_until(now + length, polled_) && length > Clock::duration::zero();
  if (polled_[0].revents != 0) listen();
  if (polled_[1].revents != 0)
    for (const Watch::Lost& lost : watch_.take_lost()) lost_.push_back(lost);
}

Clock::duration Mailbox::patience(Time now) const {
  const Clock::duration silence = now - last_event_;
  if ((owing_ > 0 && silence < ring_lead) || (under_way() && now < moving_until_))
    return Clock::duration::zero();
  const bool alert = owing_ > 0 || unheard_ > 0 || under_way();
  return alert ? std::clamp(silence / alert_factor, shortest_alert_sleep, longest_alert_sleep)
               : std::clamp(silence, shortest_calm_sleep, longest_calm_sleep);
}

void Mailbox::listen() {
  for (const Doorbell::Ring& ring : doorbell_.drain()) {
    Peer& peer = peers_[static_cast<std::size_t>(ring.from)];
    if (peer.lost) continue;
    if (std::exchange(peer.unheard, false)) --unheard_;
    if (ring.call == Doorbell::Call::receiving)
      push(std::min<std::uint64_t>(ring.number, options_.part_limit));
    if (ring.call != Doorbell::Call::message || ring.number <= peer.rung) continue;
    const bool owed = peer.owes();
    peer.rung = ring.number;
    if (!peer.owes()) continue;
    if (!owed) ++owing_;
    last_event_ = Clock::now();
  }
}

// MPI moves these bytes only while both ends look into it, so both look without a pause now. But only for a
// time: the other end may die.
void Mailbox::push(std::uint64_t bytes) {
  moving_until_ = std::max(moving_until_, Clock::now()) + ring_lead + bytes * slowest_byte;
}

}  // namespace tasker::talk::mpi
