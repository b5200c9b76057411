#include "execute/sinks.hpp"

#include "store/state.hpp"
#include "support/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <string>

namespace tasker::execute {
namespace {

using store::StateName;

TEST_CASE("A rank touches the states of tasks while its run's fence stands, and those of no other run") {
  test::Store store;
  std::optional<store::Fence> fence(std::in_place, store.directory(), "run");
  const detail::MapCall call;
  const store::Fingerprinter fingerprint(call);
  JournalSink sink({store.directory(), "run", "run", 0, 1, "", 2, {}, {}}, call, fingerprint,
                   [] { return "run"; });
  const StateName first{0, test::fingerprint_of("a")};
  const StateName second{1, test::fingerprint_of("b")};
  const auto record = [&](std::uint64_t index, const std::string& argument) {
    const std::string frame = test::frame_of({{index, argument, "result"}});
    sink.write(store::Frame::at(frame)->parts());
  };
  sink.save(first, "mine");
  sink.save(second, "mine");
  CHECK(store::read_state(store.directory(), first) == "mine");
  record(0, "a");
  CHECK(store::list_states(store.directory()).size() == 1);

  // Another run takes over, and its ranks are at the second task now.
  fence.reset();
  store::write_state(store.directory(), second, "the other's", false);
  sink.save(second, "mine again");
  CHECK(store::read_state(store.directory(), second) == "the other's");
  record(1, "b");
  CHECK(store::read_state(store.directory(), second) == "the other's");
}

}  // namespace
}  // namespace tasker::execute
