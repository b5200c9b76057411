#include "talk/mpi/mailbox.hpp"

#include "talk/mpi/session.hpp"

#include <tasker/error.hpp>

#include <boost/mpi/exception.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace tasker::talk::mpi {
namespace {

using namespace std::chrono_literals;

// A message is one kWhole, or one kLong (its length, 8 bytes) followed by kParts. MPI keeps the order.
enum Tag : int { kWhole = 1, kLong = 2, kPart = 3 };

// MPI_Iprobe looks first and makes progress afterwards: one look misses what has just arrived. But each one
// costs system calls, and where ranks outnumber cores it gives the core away, for a millisecond or longer.
constexpr int kLooks = 3;

// Over a network a ring overtakes its message by about this much.
constexpr auto kListen = 200us;

// How long to sleep without a ring: calm, when nothing is known to be amiss …
constexpr Clock::duration kShortestCalmSleep = 5ms;
constexpr Clock::duration kLongestCalmSleep = 500ms;
// … and alert, when looking is the only way to notice: this part of the silence so far.
constexpr int kAlertFactor = 16;
constexpr Clock::duration kShortestAlertSleep = 1ms;
constexpr Clock::duration kLongestAlertSleep = 20ms;

// What is polled before what the caller watches.
constexpr int kOwn = 2;

// Bytes that move more slowly than 20 MB/s are not worth a busy core.
constexpr Clock::duration kSlowestByte = 50ns;

boost::mpi::communicator duplicate(const boost::mpi::communicator& comm) {
  require_serialized();
  boost::mpi::communicator copy(comm, boost::mpi::comm_duplicate);
  // What Boost.MPI has no word for: without this an error would end the job instead of being thrown.
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
      rank_(comm_.rank()),
      doorbell_(comm_),
      watch_(comm_, doorbell_),
      peers_(static_cast<std::size_t>(comm_.size())),
      last_event_(Clock::now()) {}

Mailbox::~Mailbox() {
  for (auto i = incoming_.begin(); i != incoming_.end();) i = abandon(i);
}

// ---- sending

void Mailbox::send(int to, std::string message) {
  if (to < 0 || to >= size() || to == rank_) {
    throw std::invalid_argument("rank " + std::to_string(rank_) + " cannot send to rank " +
                                std::to_string(to));
  }
  Peer& peer = peers_[static_cast<std::size_t>(to)];
  if (peer.lost) return;
  const auto bytes = std::make_shared<const std::string>(std::move(message));
  if (bytes->size() <= options_.part_limit) {
    asked([&] { outbox_.post(comm_, to, kWhole, bytes, 0, bytes->size()); });
  } else {
    const std::uint64_t length = bytes->size();
    const auto header =
        std::make_shared<const std::string>(reinterpret_cast<const char*>(&length), sizeof(length));
    asked([&] { outbox_.post(comm_, to, kLong, header, 0, header->size()); });
    for (std::size_t done = 0; done < bytes->size(); done += options_.part_limit) {
      asked([&] {
        outbox_.post(comm_, to, kPart, bytes, done, std::min(options_.part_limit, bytes->size() - done));
      });
    }
  }
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
    // Taking in what arrives, for two ranks that flush long messages to each other.
    while (match()) continue;
    for (const int rank : lost_) outbox_.abandon(rank);
    release_sent();
    if (outbox_.empty()) return true;
    if (Clock::now() >= deadline) return false;
    sleep(deadline, {});
  }
}

// ---- receiving

std::optional<Envelope> Mailbox::receive() {
  const bool expected = owing_ > 0 || unheard_ > 0 || woke_by_itself_ || under_way();
  const int looks = expected ? kLooks : 1;
  for (int misses = 0; misses < looks;) {
    if (auto envelope = finished()) return envelope;
    if (!match()) ++misses;
  }
  return std::nullopt;
}

// Finds the next MPI message and begins to receive it; false if there is none. One thread alone uses MPI, so
// what a probe has found is what is received then.
bool Mailbox::match() {
  const auto found = asked([&] { return comm_.iprobe(); });
  if (!found) return false;
  last_event_ = Clock::now();
  const auto count = found->count<char>();
  const int source = found->source();
  const int tag = found->tag();
  if (!count || *count < 0) broken(source);
  const auto size = static_cast<std::size_t>(*count);
  if (is_lost(source)) {
    discard(source, tag, size);
    return true;
  }

  // At most one message of a source is incomplete, since its parts come in order.
  const auto open = std::find_if(incoming_.begin(), incoming_.end(), [&](const Incoming& incoming) {
    return incoming.source == source && incoming.matched < incoming.bytes.size();
  });
  const bool expects_part = open != incoming_.end();
  if (expects_part != (tag == kPart)) broken(source);

  if (tag == kPart) {
    if (size == 0 || size > open->bytes.size() - open->matched) broken(source);
    receive_part(*open, tag, size);
  } else if (tag == kWhole) {
    begin(source, size);
    receive_part(incoming_.back(), tag, size);
  } else {
    std::uint64_t length = 0;
    if (tag != kLong || size != sizeof(length)) broken(source);
    // Does not wait: so few bytes have come with the envelope.
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

// As in ~Outbox: a receive that has matched can't be cancelled either.
std::list<Mailbox::Incoming>::iterator Mailbox::abandon(std::list<Incoming>::iterator incoming) {
  static auto& abandoned = *new std::list<Incoming>();
  const auto next = std::next(incoming);
  abandoned.splice(abandoned.end(), incoming_, incoming);
  return next;
}

// What a rank said that was taken for gone.
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
  const int rank = lost_.front();
  lost_.pop_front();
  lose(rank);
  return Envelope{rank, {}, true};
}

void Mailbox::lose(int rank) {
  Peer& peer = peers_[static_cast<std::size_t>(rank)];
  if (peer.owes()) --owing_;
  if (peer.unheard) --unheard_;
  peer = {};
  peer.lost = true;
  outbox_.abandon(rank);
  for (auto i = incoming_.begin(); i != incoming_.end();) i = i->source == rank ? abandon(i) : std::next(i);
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
    const bool called = std::any_of(polled_.begin(), polled_.begin() + kOwn, ready);
    const bool found = std::any_of(polled_.begin() + kOwn, polled_.end(), ready);
    if (found && !called) break;
    over = found || Clock::now() >= deadline;
  }
  for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = polled_[i + kOwn].revents;
  return std::nullopt;
}

// Until there is a ring, something watched is ready, or it is time to look into MPI again; `until` at the
// latest.
void Mailbox::sleep(Time until, std::span<const pollfd> watched) {
  if (!under_way()) moving_until_ = Time{};
  const Time now = Clock::now();
  const Clock::duration length =
      until <= now ? Clock::duration::zero() : std::min(until - now, patience(now));
  const timespec timeout{length / 1s, (length % 1s) / 1ns};
  polled_ = {{doorbell_.fd(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
  polled_.insert(polled_.end(), watched.begin(), watched.end());
  const int ready = ppoll(polled_.data(), polled_.size(), &timeout, nullptr);
  if (ready < 0 && errno != EINTR) throw SystemError(std::string("ppoll: ") + std::strerror(errno));
  woke_by_itself_ = ready == 0 && length > Clock::duration::zero();
  if (polled_[0].revents != 0) listen();
  if (polled_[1].revents != 0)
    for (const int rank : watch_.take_lost()) lost_.push_back(rank);
}

Clock::duration Mailbox::patience(Time now) const {
  const Clock::duration silence = now - last_event_;
  if ((owing_ > 0 && silence < kListen) || (under_way() && now < moving_until_))
    return Clock::duration::zero();
  const bool alert = owing_ > 0 || unheard_ > 0 || under_way();
  return alert ? std::clamp(silence / kAlertFactor, kShortestAlertSleep, kLongestAlertSleep)
               : std::clamp(silence, kShortestCalmSleep, kLongestCalmSleep);
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

// Both ends are at it now: MPI moves these bytes only while we look, so look without a pause. For a time
// only, the other end may die.
void Mailbox::push(std::uint64_t bytes) {
  moving_until_ = std::max(moving_until_, Clock::now()) + kListen + bytes * kSlowestByte;
}

}  // namespace tasker::talk::mpi
