#include "execute/journal_sink.hpp"

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
  const store::JournalName name{1, 7, 0};
  JournalSink sink({store.path_of(name), name.id, {test::manifest_for(2), {{}}}}, fence->path(), false);
  const StateName first{0, test::fingerprint_of("a")};
  const StateName second{1, test::fingerprint_of("b")};
  const auto record = [&](std::uint64_t index, const std::string& argument) {
    store::FrameInfo info;
    info.records = 1;
    sink.write(info, test::body_of({{index, argument, "result"}}), {});
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
