// What processes say to each other, as it comes through a pipe: unpacked, and heard by rank 0, by a worker
// and by a slot's child.
#include "base/pipe.hpp"
#include "execute/run_chunk.hpp"
#include "execute/slots/slot_child.hpp"
#include "execute/talker.hpp"
#include "fuzz/fuzz.hpp"
#include "runtime/master.hpp"
#include "support/fake_comm.hpp"

#include <tasker/detail/make_call.hpp>

#include <sys/socket.h>

#include <cstdlib>

namespace tasker::fuzz {

namespace {

using namespace std::chrono_literals;

const std::vector<std::string> texts(20, "some text");

const detail::MapCall& call() {
  static const auto call =
      detail::make_call("a.dat", [](const std::string& text) { return text.size(); }, texts, {});
  return call;
}

/// What is understood can be said again.
template <class... Messages>
void unpack_any(std::string_view bytes) {
  const auto look = [&]<class Message>() {
    accepts([&] {
      const std::string again = talk::pack(talk::unpack<Message>(bytes));
      if (talk::pack(talk::unpack<Message>(again)) != again) std::abort();
    });
  };
  (look.template operator()<Messages>(), ...);
}

struct NoSink final : execute::FrameSink {
  void write(const store::FrameParts&) override {}
  void sync() override {}
};

execute::ChunkReport run(execute::Chunk& chunk) {
  static const store::Fingerprinter fingerprint(call());
  static const execute::Work work{call(), texts.size(), fingerprint};
  NoSink sink;
  execute::Recorder recorder(sink, fingerprint, true);
  return execute::run_chunk(chunk, work, recorder);
}

/// Rank 0 in the middle of a map, to which rank 1 speaks, and now and then rank 2, which has not joined yet.
class Root : runtime::MasterStore {
 public:
  Root() {
    for (const int rank : {1, 2}) master_.begin(rank, {});
    master_.handle({1, talk::pack(talk::Ready{"", 1, true, "host", "build", 1, 2})});
    master_.dispatch(now_);
  }
  void hear(const std::string& bytes) {
    master_.handle({bytes.size() % 8 == 0 ? 2 : 1, bytes});
    master_.dispatch(now_ += 1ms);
    if (scheduler_.done_count() > texts.size() || tally_.tasks != scheduler_.done_count()) std::abort();
  }

 private:
  void begin(int, const talk::Start&) override {}
  bool know(int, const talk::Ready&) override { return true; }
  bool any_attempts() const override { return false; }
  std::uint32_t attempt_of(std::uint64_t) const override { return 1; }
  void write(int, const talk::Ready&, std::string_view) override {}
  void sync(int) override {}
  base::IntervalSet recorded(int, const base::IntervalSet&) const override { return {}; }
  void record(store::Record, runtime::Clock::duration) override {}

  test::FakeNetwork network_{3};
  talk::Peers peers_{&network_.comm(0)};
  runtime::Arguments arguments_{call()};
  schedule::Scheduler scheduler_{base::IntervalSet({0, texts.size()})};
  talk::Tally tally_;
  runtime::Master master_{peers_, call().options, arguments_, scheduler_, tally_, *this};
  base::Time now_{};
};

class Worker {
 public:
  void hear(const std::string& bytes) {
    network_.comm(0).send(1, bytes);
    network_.deliver(0, 1);
    talker_.turn();
    while (const auto chunk = desk_.take_chunk()) desk_.finish(chunk, run(*chunk));
  }

 private:
  test::FakeNetwork network_{2};
  execute::Desk desk_;
  execute::Talker talker_{network_.comm(1), desk_};
};

void hear_as_child(std::string_view bytes) {
  auto assignment = talk::unpack_front<talk::Assignment>(bytes);
  detail::SharedClaims state;
  state = {0, static_cast<std::uint32_t>(base::count(assignment.tasks))};
  execute::Chunk chunk(std::move(assignment), std::string(bytes), state);
  run(chunk);
}

constexpr std::size_t most = std::size_t{1} << 16;  // what a pipe takes at once
constexpr std::size_t header = 2 * sizeof(std::uint64_t);

/// Whether a message says that it is longer than what there is: it would be waited for, with room for all of
/// it.
bool promises_more(std::string_view input) {
  while (input.size() >= header) {
    detail::Reader in(input);
    const auto size = in.number<std::uint64_t>();
    if (in.number<std::uint64_t>() != ~size) return false;
    if (size > in.left().size()) return true;
    input = in.left().substr(size);
  }
  return false;
}

}  // namespace

void use(std::string_view input) {
  if (input.size() > most || promises_more(input)) return;
  auto [mine, theirs] = base::Pipe::make();
  if (::send(mine.fd(), input.data(), input.size(), MSG_DONTWAIT) != static_cast<ssize_t>(input.size()))
    return;
  mine.close();
  Root root;
  Worker worker;
  bool root_lives = true;
  bool worker_lives = true;
  accepts([&] {
    while (const auto message = theirs.receive()) {
      unpack_any<talk::Enter, talk::Start, talk::Ready, talk::Assignment, talk::TakeBackRequest, talk::Kept,
                 talk::Done, talk::Records, talk::Recorded, talk::Trouble, talk::TimeLeft, talk::Made,
                 talk::Finish, talk::Closed, talk::End, talk::Join, talk::Welcome, talk::Refused,
                 talk::Leave>(*message);
      unpack_any<execute::slots::Finished>(*message);
      accepts([&] { hear_as_child(*message); });
      root_lives = root_lives && accepts([&] { root.hear(*message); });
      worker_lives = worker_lives && accepts([&] { worker.hear(*message); });
    }
  });
}

/// Each message's size is said twice.
void repair(std::string& bytes) {
  for (std::size_t at = 0; bytes.size() - at >= header;) {
    const std::size_t left = bytes.size() - at - header;
    auto size = detail::Reader(std::string_view(bytes).substr(at)).number<std::uint64_t>();
    if (size > left) size = left;
    set(bytes, at, size);
    set(bytes, at + sizeof size, ~size);
    at += header + size;
  }
}

}  // namespace tasker::fuzz
