#include "runtime/workspace.hpp"

#include "base/hash.hpp"
#include "support/store_fixture.hpp"

#include <tasker/detail/make_call.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

namespace tasker::runtime {
namespace {

using Catch::Contains;

TEST_CASE("A directory whose journals leave no number for the next run is refused, and not touched") {
  test::Store store;
  const std::vector<std::string> arguments{"a"};
  const auto call = detail::make_call(
      store.file(), [](const std::string& text) { return text; }, arguments, Options());
  store.journal(UINT32_MAX, 0, 1, {{{0, "a", "A"}}});
  Arguments in_place(call);
  const auto before = test::everything_in(store.directory());
  CHECK_THROWS_WITH(Workspace(call, in_place, {base::to_hex(base::random_id()), ""}, {}).open(),
                    Contains("highest number") && Contains("move it away"));
  CHECK(test::everything_in(store.directory()) == before);
}

TEST_CASE("Journals of a run whose ranks may still write are folded as soon as they are closed") {
  test::Store store;
  const std::vector<std::string> arguments{"a", "b"};
  Options options;
  options.durability = Durability::power;  // whatever is not synced is folded
  const auto call = detail::make_call(
      store.file(), [](const std::string& text) { return text; }, arguments, options);
  Arguments in_place(call);
  const store::JournalName closed = store.journal(1, 0, 2, {{{0, "a", "A"}}});
  store::JournalName open = closed;
  open.rank = 1;
  const std::string bytes = test::read_file(store.path_of(closed));
  test::write_file(store.path_of(open), bytes.substr(0, bytes.size() - store::frame_header_size));
  store::Hold(store.directory(), {base::to_hex(closed.id), ""}).leave_ghosts(std::chrono::hours(1));

  const Before before;
  Workspace workspace(call, in_place, {base::to_hex(base::random_id()), ""}, before);
  workspace.open();
  const auto left = store.journals();
  REQUIRE(left.size() == 2);
  CHECK(std::ranges::count(left, open) == 1);
  CHECK(std::ranges::count(left, closed) == 0);
  CHECK(workspace.ghosts_gone() >
        base::Clock::now() + std::chrono::minutes(50));  // before an archive is made
}

TEST_CASE("What another run records late is no stray where this run has recorded the same") {
  test::Store store;
  const std::vector<std::string> arguments{"a", "b"};
  const auto call = detail::make_call(
      store.file(), [](const std::string& text) { return text; }, arguments, Options());
  Arguments in_place(call);
  const Before before;
  Workspace workspace(call, in_place, {base::to_hex(base::random_id()), ""}, before);
  workspace.open();
  const store::JournalName late =
      store.journal(workspace.sequence(), 0, 2, {{{0, "a", "A"}}, {{1, "b", "B"}}});
  store::JournalName own = late;
  REQUIRE(base::from_hex(workspace.run(), own.id));
  store::JournalWriter writer(store.path_of(own), own.id,
                              *store::JournalReader(store.directory(), late).header());
  writer.append_bytes(test::frame_of({{0, "a", "A"}, {1, "b", "B"}}, own.id));
  writer.close();
  CHECK(workspace.finish(false)->description().carried == 0);
}

}  // namespace
}  // namespace tasker::runtime
