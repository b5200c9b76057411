#include "talk/mpi/mailbox.hpp"

#include "talk/mpi/nodes.hpp"
#include "talk/mpi/session.hpp"

#include <tasker/error.hpp>

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

// MPI_Improbe looks first and makes progress afterwards: one look misses what has just arrived. But each one
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

MPI_Comm duplicate(MPI_Comm comm) {
  require_serialized();
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(comm, &copy), "MPI_Comm_dup");
  check(MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return copy;
}

[[noreturn]] void broken(int source) {
  throw SystemError("rank " + std::to_string(source) +
                    " sent something that is not a message of this program");
}

}  // namespace

Mailbox::Mailbox(MPI_Comm comm, MailboxOptions options)
    : comm_(duplicate(comm)),
      options_(options),
      host_count_(node_count(comm_)),
      doorbell_(comm_),
      watch_(comm_, doorbell_),
      last_event_(Clock::now()) {
  check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  peers_.resize(static_cast<std::size_t>(size_));
}

Mailbox::~Mailbox() {
  if (!running()) return;
  for (auto i = incoming_.begin(); i != incoming_.end();) i = abandon(i);
  MPI_Comm_free(&comm_);
}

// ---- sending

void Mailbox::send(int to, std::string message) {
  if (to < 0 || to >= size_ || to == rank_) {
    throw std::invalid_argument("rank " + std::to_string(rank_) + " cannot send to rank " +
                                std::to_string(to));
  }
  Peer& peer = peers_[static_cast<std::size_t>(to)];
  if (peer.lost) return;
  const auto bytes = std::make_shared<const std::string>(std::move(message));
  if (bytes->size() <= options_.part_limit) {
    outbox_.post(comm_, to, kWhole, bytes, 0, bytes->size());
  } else {
    const std::uint64_t length = bytes->size();
    const auto header =
        std::make_shared<const std::string>(reinterpret_cast<const char*>(&length), sizeof(length));
    outbox_.post(comm_, to, kLong, header, 0, header->size());
    for (std::size_t done = 0; done < bytes->size(); done += options_.part_limit) {
      outbox_.post(comm_, to, kPart, bytes, done, std::min(options_.part_limit, bytes->size() - done));
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
  if (outbox_.release()) last_event_ = Clock::now();
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

// Finds the next MPI message and begins to receive it; false if there is none.
bool Mailbox::match() {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  check(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &found, &message, &status), "MPI_Improbe");
  if (found == 0) return false;
  last_event_ = Clock::now();
  int count = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
  const auto size = static_cast<std::size_t>(count);
  const int source = status.MPI_SOURCE;
  if (is_lost(source)) {
    discard(message, size);
    return true;
  }

  // At most one message of a source is incomplete, since its parts come in order.
  const auto open = std::find_if(incoming_.begin(), incoming_.end(), [&](const Incoming& incoming) {
    return incoming.source == source && incoming.matched < incoming.bytes.size();
  });
  const bool expects_part = open != incoming_.end();
  if (count < 0 || expects_part != (status.MPI_TAG == kPart)) broken(source);

  if (status.MPI_TAG == kPart) {
    if (size == 0 || size > open->bytes.size() - open->matched) broken(source);
    receive_part(*open, message, size);
  } else if (status.MPI_TAG == kWhole) {
    begin(source, size);
    receive_part(incoming_.back(), message, size);
  } else {
    std::uint64_t length = 0;
    if (status.MPI_TAG != kLong || size != sizeof(length)) broken(source);
    // Does not wait: so few bytes have come with the envelope.
    check(MPI_Mrecv(&length, sizeof(length), MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
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

void Mailbox::receive_part(Incoming& incoming, MPI_Message& message, std::size_t size) {
  MPI_Request& request = incoming.parts.emplace_back(MPI_REQUEST_NULL);
  check(MPI_Imrecv(incoming.bytes.data() + incoming.matched, static_cast<int>(size), MPI_BYTE, &message,
                   &request),
        "MPI_Imrecv");
  incoming.matched += size;
  int complete = 0;
  check(MPI_Test(&request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
  if (complete != 0) return;
  ring(incoming.source, Doorbell::Call::receiving, size);
  push(size);
}

// The first message that is complete, unless an earlier one of the same source is not.
std::optional<Envelope> Mailbox::finished() {
  for (auto i = incoming_.begin(); i != incoming_.end(); ++i) {
    const auto same_source = [&](const Incoming& earlier) { return earlier.source == i->source; };
    if (i->matched < i->bytes.size() || std::any_of(incoming_.begin(), i, same_source)) continue;
    int complete = 0;
    check(MPI_Testall(static_cast<int>(i->parts.size()), i->parts.data(), &complete, MPI_STATUSES_IGNORE),
          "MPI_Testall");
    if (complete == 0) continue;
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
  for (MPI_Request& request : incoming->parts)
    if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
  const auto next = std::next(incoming);
  abandoned.splice(abandoned.end(), incoming_, incoming);
  return next;
}

// What a rank said that was taken for gone.
void Mailbox::discard(MPI_Message& message, std::size_t size) {
  const auto incoming = incoming_.insert(incoming_.end(), {0, std::string(size, '\0'), size, {}});
  MPI_Request& request = incoming->parts.emplace_back(MPI_REQUEST_NULL);
  check(MPI_Imrecv(incoming->bytes.data(), static_cast<int>(size), MPI_BYTE, &message, &request),
        "MPI_Imrecv");
  int complete = 0;
  check(MPI_Test(&request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
  if (complete != 0)
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
