#include "runtime/workspace.hpp"

#include "support/store_fixture.hpp"

#include <tasker/detail/make_call.hpp>

#include <catch2/catch.hpp>

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
  CHECK_THROWS_WITH(Workspace(call, in_place, base::this_process(), std::chrono::milliseconds(0)).open(),
                    Contains("highest number") && Contains("move it away"));
  CHECK(test::everything_in(store.directory()) == before);
}

}  // namespace
}  // namespace tasker::runtime
