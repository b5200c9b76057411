#include "execute/sees_directory.hpp"

#include "store/hold.hpp"
#include "support/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <thread>

namespace tasker::execute {
namespace {

using namespace std::chrono_literals;

TEST_CASE("A directory that a network file system shows late is seen") {
  const test::TemporaryDirectory home;
  const auto directory = home.path() / "a.dat.mpi";
  std::optional<store::Hold> hold;
  std::jthread other_host([&] {
    std::this_thread::sleep_for(1s);  // longer than it is looked for where there is no such file system
    std::filesystem::create_directory(directory);
    hold.emplace(directory, store::Holder{"0123456789abcdef", ""});
  });
  CHECK(sees_directory(directory, "0123456789abcdef", 60s));
}

TEST_CASE("A directory that is not there, or another run's, is not seen") {
  const test::TemporaryDirectory home;
  CHECK_FALSE(sees_directory(home.path() / "a.dat.mpi", "0123456789abcdef"));
  const store::Hold hold(home.path(), {"fedcba9876543210", ""});
  CHECK_FALSE(sees_directory(home.path(), "0123456789abcdef"));
}

TEST_CASE("What hosts share may show late what is new") {
  const std::uint32_t nfs = 0x6969;
  const std::uint32_t fuse = 0x65735546;
  const std::uint32_t ext = 0xEF53;
  const std::uint32_t memory = 0x01021994;
  CHECK(unseen_for(nfs) > 1s);
  CHECK(unseen_for(fuse) > 1s);
  CHECK(unseen_for(ext) < 1s);
  CHECK(unseen_for(memory) < 1s);
}

}  // namespace
}  // namespace tasker::execute
