#include "schedule/places.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace tasker::schedule {
namespace {

/// So many workers on each of these hosts: the first one has worker 1 and so on.
Places on_hosts(const std::vector<int>& workers) {
  Places places;
  int worker = 0;
  for (std::size_t host = 0; host < workers.size(); ++host)
    for (int i = 0; i < workers[host]; ++i) places.join(++worker, "node" + std::to_string(host + 1));
  return places;
}

/// So many tasks fail at one worker, and then succeed at another one.
void refute(Places& places, int times, int fails, int succeeds) {
  for (int i = 0; i < times; ++i) {
    places.refute({places.failed(fails)}, succeeds);
    places.succeeded(succeeds);
    places.review();
  }
}

TEST_CASE(
    "What has failed is for another host, then for another worker, and for the same one if none is left") {
  Places all = on_hosts({2, 2});
  CHECK(all.may_try(1, {}));
  CHECK_FALSE(all.may_try(1, {1}));
  CHECK_FALSE(all.may_try(2, {1}));
  CHECK(all.may_try(3, {1}));
  CHECK_FALSE(all.may_try(1, {1, 3}));
  CHECK(all.may_try(2, {1, 3}));
  CHECK(all.may_try(4, {1, 3}));
  CHECK_FALSE(all.may_try(3, {1, 2, 3}));
  CHECK(all.may_try(4, {1, 2, 3}));
  for (int worker = 1; worker <= 4; ++worker) CHECK(all.may_try(worker, {1, 2, 3, 4}));
}

TEST_CASE("Who has left is nobody else, but where it was a task has failed") {
  Places all = on_hosts({2, 1});
  all.leave(1);
  CHECK_FALSE(all.may_try(2, {1}));
  CHECK(all.may_try(3, {1}));
  all.leave(3);
  CHECK(all.may_try(2, {1}));
  CHECK(all.may_try(2, {2}));
}

TEST_CASE("What has failed waits for those who will come") {
  Places all = on_hosts({1});
  all.expect(2);
  all.expect(3);
  CHECK_FALSE(all.may_try(1, {1}));
  all.leave(3);  // it never came
  CHECK_FALSE(all.may_try(1, {1}));
  all.join(2, "node2");
  CHECK_FALSE(all.may_try(1, {1}));
  CHECK(all.may_try(2, {1}));
  all.leave(2);
  CHECK(all.may_try(1, {1}));
}

TEST_CASE("A worker at which three tasks have failed that succeed elsewhere is set aside") {
  Places all = on_hosts({1, 1, 1});
  refute(all, 2, 1, 2);
  CHECK(all.is_active(1));
  CHECK(all.take_verdicts().empty());
  refute(all, 1, 1, 3);
  CHECK_FALSE(all.is_active(1));
  CHECK(all.take_verdicts() == std::vector<Verdict>{{"node1", 1, true}});
  CHECK(all.take_verdicts().empty());
  CHECK(all.is_active(2));
  // It is nobody else any more.
  CHECK(all.may_try(2, {2, 3}));
}

TEST_CASE("A task that fails several times at a worker is one") {
  Places all = on_hosts({1, 1});
  const Failure failure = all.failed(1);
  for (int i = 0; i < 2; ++i) all.refute({failure, failure, failure}, 2);
  all.review();
  CHECK(all.is_active(1));
}

TEST_CASE("Nobody is to blame for what fails there if anything has succeeded there since") {
  Places all = on_hosts({1, 1});
  for (int i = 0; i < 10; ++i) {
    const Failure failure = all.failed(1);
    if (i % 3 == 2) all.succeeded(1);
    all.refute({failure}, 2);
    all.review();
  }
  CHECK(all.is_active(1));
  CHECK(all.take_verdicts().empty());
}

TEST_CASE("A host at whose workers tasks fail is set aside as a whole, and comes back as a whole") {
  Places all = on_hosts({3, 1});
  for (int worker = 1; worker <= 3; ++worker) refute(all, 1, worker, 4);
  for (int worker = 1; worker <= 3; ++worker) CHECK_FALSE(all.is_active(worker));
  CHECK(all.take_verdicts() == std::vector<Verdict>{{"node1", {}, true}});
  all.succeeded(2);  // at a task that it had still
  CHECK(all.review());
  for (int worker = 1; worker <= 3; ++worker) CHECK(all.is_active(worker));
  CHECK(all.take_verdicts() == std::vector<Verdict>{{"node1", {}, false}});
}

TEST_CASE("Where another worker of the host succeeds the worker is to blame, not the host") {
  Places all = on_hosts({2, 1});
  for (int i = 0; i < 3; ++i) {
    refute(all, 1, 1, 3);
    all.succeeded(2);
    all.review();
  }
  CHECK_FALSE(all.is_active(1));
  CHECK(all.is_active(2));
  CHECK(all.take_verdicts() == std::vector<Verdict>{{"node1", 1, true}});
}

TEST_CASE("Workers of one host are elsewhere for each other") {
  Places all = on_hosts({2});
  refute(all, 3, 1, 2);
  CHECK_FALSE(all.is_active(1));
  CHECK(all.is_active(2));
}

TEST_CASE("The last one is never set aside, and who was comes back when nobody else is left") {
  Places all = on_hosts({1, 1});
  refute(all, 3, 1, 2);
  REQUIRE_FALSE(all.is_active(1));
  refute(all, 5, 2, 1);  // at tasks that it had still; so it comes back itself
  CHECK((all.is_active(1) != all.is_active(2)));
  const int last = all.is_active(1) ? 1 : 2;
  all.take_verdicts();
  all.leave(last);
  CHECK(all.review());
  CHECK(all.is_active(3 - last));
  CHECK(all.take_verdicts() == std::vector<Verdict>{{"node" + std::to_string(3 - last), 3 - last, false}});
}

}  // namespace
}  // namespace tasker::schedule
