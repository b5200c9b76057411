#include "runtime/party.hpp"

#include "base/descriptor.hpp"
#include "support/store_fixture.hpp"
#include "support/thread_comm.hpp"

#include <tasker/detail/make_call.hpp>

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// How ranks that don't do the same end alike. They are threads, so one that waited for ever would hang the
// test: those that others must not wait for wait themselves, until they need not or a minute is over.
namespace tasker::runtime {
namespace {

using namespace std::chrono_literals;

/// A Comm that others own. Calls `before_send`, if that is set, before it sends.
class Borrowed : public talk::Comm {
 public:
  Borrowed(talk::Comm& comm, const std::function<void()>& before_send)
      : comm_(comm), before_send_(before_send) {}
  int rank() const override { return comm_.rank(); }
  int size() const override { return comm_.size(); }
  int host_count() const override { return comm_.host_count(); }
  void send(int to, std::string message) override {
    if (before_send_) before_send_();
    comm_.send(to, std::move(message));
  }
  std::optional<talk::Envelope> wait(base::Time deadline, std::span<pollfd> watched) override {
    return comm_.wait(deadline, watched);
  }
  /// What was sent takes longer to leave than anybody can wait who does not wait for ever.
  bool flush(base::Time deadline) override { return deadline == base::Time::max(); }
  void set_lost_after(std::chrono::milliseconds lost_after) override { comm_.set_lost_after(lost_after); }

 private:
  talk::Comm& comm_;
  const std::function<void()>& before_send_;
};

/// What happens on one rank, and how it left.
struct Rank {
  explicit Rank(talk::Comm& comm) : party(std::make_unique<Borrowed>(comm, before_send), {}) {}

  /// What the map has thrown; empty if nothing.
  std::string map(const std::filesystem::path& file, Options options = {}) {
    options.progress = Progress::off;
    const std::vector<int> arguments{1, 2, 3};
    try {
      party.map(detail::make_call(
          file, [](int x) { return x; }, arguments, options));
    } catch (const Error& error) {
      exit_code = error.exit_code();
      return error.what();
    }
    return "";
  }
  void leave(talk::Leave farewell = {}) {
    left = std::move(farewell);
    party.leave(left, left_alone);
  }

  std::function<void()> before_send;
  Party party;
  int exit_code = exit_done;  // of what the last map has thrown
  talk::Leave left;
  bool left_alone = false;
};

/// Lets three ranks do these things at the same time.
class Ranks {
 public:
  explicit Ranks(const std::vector<std::function<void(Rank&)>>& parts)
      : network_(static_cast<int>(parts.size())) {
    for (std::size_t rank = 0; rank < parts.size(); ++rank)
      ranks_.push_back(std::make_unique<Rank>(network_.comm(static_cast<int>(rank))));
    std::vector<std::jthread> threads;
    for (std::size_t rank = 0; rank < parts.size(); ++rank)
      threads.emplace_back([&, rank] { parts[rank](*ranks_[rank]); });
  }
  const Rank& operator[](std::size_t rank) const { return *ranks_[rank]; }

 private:
  test::ThreadNetwork network_;
  std::vector<std::unique_ptr<Rank>> ranks_;
};

/// What is written to stderr as long as this lives.
class Said {
 public:
  Said() : before_(::dup(STDERR_FILENO)) { ::dup2(file_.get(), STDERR_FILENO); }
  ~Said() { ::dup2(before_.get(), STDERR_FILENO); }
  Said(const Said&) = delete;
  Said& operator=(const Said&) = delete;
  std::string text() const {
    std::string bytes(1 << 12, '\0');
    bytes.resize(static_cast<std::size_t>(::pread(file_.get(), bytes.data(), bytes.size(), 0)));
    return bytes;
  }

 private:
  base::Descriptor file_{::memfd_create("said", MFD_CLOEXEC)};
  base::Descriptor before_;
};

/// Something that one rank does and another one waits for.
class Event {
 public:
  void happen() { promise_.set_value(); }
  bool came() { return future_.wait_for(60s) == std::future_status::ready; }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

TEST_CASE("That a rank has left is told to those that call the next map") {
  const test::TemporaryDirectory home;
  Event told;
  std::string first, next, at_root;
  bool in_time = false;
  const Ranks ranks({[&](Rank& root) {
                       root.map(home.path() / "a.dat");
                       at_root = root.map(home.path() / "b.dat");
                       in_time = told.came();  // rank 0 goes on with something of its own
                       root.leave({exit_failed, "", false});
                     },
                     [&](Rank& worker) {
                       first = worker.map(home.path() / "a.dat");
                       next = worker.map(home.path() / "b.dat");
                       told.happen();
                       worker.leave({exit_failed, "", false});
                     },
                     [](Rank& leaving) {
                       leaving.leave({exit_failed, "no luck", false});
                     }});
  CHECK(first == "rank 2: no luck");
  CHECK(at_root == "rank 2 has left");
  CHECK(next == at_root);
  CHECK(in_time);
}

TEST_CASE("When the run shall stop nobody waits for a rank that does not come to a map") {
  const test::TemporaryDirectory home;
  Options options;
  const bool signalled = GENERATE(true, false);
  if (!signalled) options.deadline = std::chrono::system_clock::now() + 1s;
  Event over;
  std::string thrown, told;
  bool in_time = false;
  const Ranks ranks({[&](Rank& root) {
                       if (signalled) ::raise(SIGUSR1);
                       thrown = root.map(home.path() / "a.dat", options);
                       over.happen();
                       root.leave({root.exit_code, thrown, false});
                     },
                     [&](Rank& worker) {
                       told = worker.map(home.path() / "a.dat");
                       worker.leave({worker.exit_code, "", false});
                     },
                     [&](Rank& late) {
                       in_time = over.came();
                       late.map(home.path() / "a.dat");
                       late.leave({late.exit_code, "", false});
                     }});
  CHECK_THAT(thrown,
             Catch::Contains(signalled ? "was stopped by SIGUSR1" : "was stopped since its time is up"));
  CHECK_THAT(thrown, Catch::Contains("while it waited for rank 2 to call map; run the same command again"));
  CHECK(in_time);
  CHECK(told == thrown);
  for (std::size_t rank = 0; rank < 3; ++rank) CHECK(ranks[rank].left.exit_code == exit_interrupted);
  CHECK_FALSE(std::filesystem::exists(home.path() / "a.dat.mpi"));
}

TEST_CASE("Rank 0 speaks before the others may end, since a launcher kills it when one of them has ended") {
  std::string said;
  {
    const Said speech;
    const Ranks ranks({[&](Rank& root) {
                         root.before_send = [&] { said = speech.text(); };  // it only lets the other one go
                         root.leave({exit_failed, "the disk is full", false});
                       },
                       [](Rank& worker) {
                         worker.leave({exit_failed, "", false});
                       }});
  }
  CHECK(said == "tasker: the disk is full\n");
}

TEST_CASE("A rank that calls a map which rank 0 does not ends all, and nobody waits for a third") {
  const test::TemporaryDirectory home;
  Event over;
  bool in_time = false;
  const Ranks ranks({[&](Rank& root) {
                       root.leave();
                       over.happen();
                     },
                     [&](Rank& worker) {
                       worker.map(home.path() / "a.dat");
                       worker.leave({worker.exit_code, "", false});
                     },
                     [&](Rank&) { in_time = over.came(); }});
  CHECK(in_time);
  CHECK(ranks[0].left.exit_code == exit_usage);
  CHECK(ranks[0].left_alone);
  CHECK_THAT(ranks[0].left.message,
             Catch::Contains("rank 1 called map on") && Catch::Contains("which rank 0 did not"));
}

TEST_CASE("When all is well the last messages have all the time that they need to leave") {
  const auto leave = [](Rank& rank) { rank.leave(); };
  const Ranks ranks({leave, leave, leave});
  for (std::size_t rank = 0; rank < 3; ++rank) {
    CHECK(ranks[rank].left.exit_code == exit_done);
    CHECK_FALSE(ranks[rank].left_alone);
  }
}

TEST_CASE("After an error nobody waits for ever for the last messages to leave") {
  const auto leave = [](Rank& rank) { rank.leave({exit_failed, "", false}); };
  const Ranks ranks({leave, leave, leave});
  for (std::size_t rank = 0; rank < 3; ++rank) CHECK(ranks[rank].left_alone);
}

}  // namespace
}  // namespace tasker::runtime
