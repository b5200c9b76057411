#include "base/kept_thread.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>
#include <thread>

namespace tasker::base {
namespace {

TEST_CASE("A kept thread does one thing after the other, and tells what each has thrown") {
  KeptThread kept("test");
  std::thread::id first;
  std::thread::id second;
  kept.begin([&] { first = std::this_thread::get_id(); });
  kept.wait();
  kept.begin([] { throw std::runtime_error("no"); });
  CHECK_THROWS_WITH(kept.wait(), "no");
  kept.wait();  // it was told
  kept.begin([&] { second = std::this_thread::get_id(); });
  kept.wait();
  CHECK(first == second);
  CHECK(first != std::this_thread::get_id());
}

TEST_CASE("A kept thread that was never used ends with its object") {
  const KeptThread kept("test");
  SUCCEED();
}

}  // namespace
}  // namespace tasker::base
