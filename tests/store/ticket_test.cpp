#include "store/ticket.hpp"

#include "base/file.hpp"
#include "store/key.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <fstream>
#include <string>

namespace tasker::store {
namespace {

using test::TemporaryDirectory;

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

TEST_CASE("A ticket is read as it was written, and only its owner may read it") {
  const TemporaryDirectory home;
  const auto path = home.path() / "ticket";
  write(path, "an old one");
  const Ticket ticket{"node1", {"10.1.2.3:4711", "127.0.0.1:4711"}, talk::make_key()};
  write_ticket(path, ticket);
  CHECK(base::mode_of(path) == 0600);
  const Ticket same = read_ticket(path);
  CHECK(same.host == ticket.host);
  CHECK(same.addresses == ticket.addresses);
  CHECK(same.key.bytes == ticket.key.bytes);
}

TEST_CASE("What is no ticket is refused, whatever it is") {
  const TemporaryDirectory home;
  const auto path = home.path() / "ticket";
  CHECK_THROWS_AS(read_ticket(path), UsageError);
  CHECK_THROWS_AS(read_ticket(home.path()), UsageError);
  const std::string good = to_text({"node1", {"10.1.2.3:4711"}, talk::make_key()});
  for (std::size_t size = 0; size + 1 < good.size(); ++size) {
    write(path, good.substr(0, size));
    CHECK_THROWS_AS(read_ticket(path), UsageError);
  }
  std::string changed = good;
  changed[good.find("4711")] = '5';
  write(path, changed);
  CHECK_THROWS_AS(read_ticket(path), UsageError);
}

TEST_CASE("A directory has one key, for its owner or the group alone") {
  const TemporaryDirectory home;
  const Fence fence(home.path(), "0123456789abcdef", "{}");
  CHECK_FALSE(read_key(home.path()));
  base::set_mode(home.path(), 0700);
  const talk::Key key = make_key(fence);
  CHECK(base::mode_of(key_path(home.path())) == 0600);
  CHECK(make_key(fence).bytes == key.bytes);
  CHECK(read_key(home.path())->bytes == key.bytes);
  // A damaged one is of no use to anybody.
  write(key_path(home.path()), "damaged");
  CHECK_FALSE(read_key(home.path()));
  base::set_mode(home.path(), 0775);
  CHECK(make_key(fence).bytes != key.bytes);
  CHECK(base::mode_of(key_path(home.path())) == 0660);
  base::set_mode(home.path(), 0700);
}

}  // namespace
}  // namespace tasker::store
