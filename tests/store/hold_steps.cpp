// Leaders of one directory that are frozen before any of their calls on files, go on later, or die there.
// Each takes every other one for dead at once, which is the worst that can be believed of it.
#include "base/file.hpp"
#include "store/hold.hpp"
#include "store/paths.hpp"
#include "store/steps.hpp"
#include "support/store_fixture.hpp"

#include <tasker/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

namespace tasker::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Words = std::set<std::string>;

/// Nobody beats, and nobody is waited for.
constexpr Hold::Timing instant{1h, 0ms};

Words words_in(const fs::path& path) {
  std::istringstream text(base::read_small_file(path).value_or(""));
  return {std::istream_iterator<std::string>(text), {}};
}

/// A directory and its archive. Journals and archive are words: what was recorded.
class Place {
 public:
  Place() : directory_(home_.path() / "d"), archive_(home_.path() / "archive") {
    fs::create_directory(directory_);
    record("one");
    record("two");
  }

  /// What a run does: it takes the directory, records a word of its own, and makes an archive of all there
  /// is.
  void lead(const std::string& run) {
    try {
      base::create_directory(directory_, 0700);
      const base::ProcessId elsewhere{"host of " + run, "its boot", 42, 1};
      Hold hold(directory_, {run, "", elsewhere}, instant);
      const Fence& fence = hold.fence();
      record(run);
      fence.replace(directory_ / "list", run);
      Words all = words_in(archive_);
      const std::vector<std::string> names = journals();
      for (const std::string& name : names) all.merge(words_in(directory_ / name));
      base::File file = base::File::create_new(fence.unfinished("archive"));
      for (const std::string& word : all) file.write({word, " "});
      file.close();
      // Only the holder changes anything, so this is its list as long as its fence stands.
      if (words_in(directory_ / "list") != Words{run}) {
        if (!fence.stands()) return;
        broken_ = "another run replaced the list of " + run;
      }
      if (base::file_exists(archive_))
        fence.publish("archive", archive_);
      else if (!fence.publish_new("archive", archive_))
        broken_ = "an archive appeared beside " + run;
      for (const std::string& name : names) fence.remove(directory_ / name);
      fence.remove(directory_ / "list");
      fence.remove_leftovers(directory_);
      hold.end_directory();
      ++finished_;
    } catch (const Error&) {
      // It was too late, or is dead.
    }
  }

  /// Nothing that was recorded is lost, and the archive is never half of anything.
  void check() {
    Words all = on_disk(archive_);
    if (fs::exists(archive_) && all.size() < 2) broken_ = "an archive of nothing";
    std::error_code error;
    for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error))
      if (it->path().extension() == ".words") all.merge(on_disk(it->path()));
    if (!std::ranges::includes(all, recorded_)) broken_ = "a record was lost";
  }

  /// What the next run finds, when all of these have ended, is enough.
  void finish() {
    lead("last");
    check();
    if (on_disk(archive_) != recorded_) broken_ = "the last archive lacks something";
    if (fs::exists(directory_)) broken_ = "the directory stays";
  }

  const std::string& broken() const { return broken_; }
  int finished() const { return finished_; }

 private:
  void record(const std::string& word) {
    base::File file = base::File::create_new(directory_ / (word + ".words"));
    file.write({word});
    recorded_.insert(word);
  }

  std::vector<std::string> journals() const {
    const Names all(directory_);
    std::vector<std::string> names(all.begin(), all.end());
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".words"); });
    return names;
  }

  static Words on_disk(const fs::path& path) {
    if (!fs::exists(path)) return {};
    std::istringstream text(test::read_file(path));
    return {std::istream_iterator<std::string>(text), {}};
  }

  test::TemporaryDirectory home_;
  fs::path directory_;
  fs::path archive_;
  Words recorded_;
  std::string broken_;
  int finished_ = 0;
};

std::string text_of(const test::Schedule& schedule) {
  std::string text;
  for (const test::Turn& turn : schedule)
    text += "; before call " + std::to_string(turn.step) + " run " + std::to_string(turn.actor) +
            (turn.kill ? " dies" : " goes on");
  return text;
}

/// Runs one schedule, and the run that comes after.
std::vector<test::Made> lead_by(std::size_t runs, const test::Schedule& schedule, int* finished = nullptr) {
  Place place;
  std::vector<std::function<void()>> actors;
  for (std::size_t run = 0; run < runs; ++run)
    actors.emplace_back([&place, run] { place.lead(std::string(1, static_cast<char>('a' + run))); });
  auto made = test::execute(actors, schedule, [&] { place.check(); });
  place.check();
  if (finished) *finished += place.finished();
  place.finish();
  INFO(text_of(schedule));
  REQUIRE(place.broken() == "");
  return made;
}

TEST_CASE("Two leaders, frozen and woken at any two calls, lose nothing and publish nothing half") {
  std::size_t schedules = 0;
  int finished = 0;
  test::explore(2, false, [&](const test::Schedule& schedule) {
    ++schedules;
    return lead_by(2, schedule, &finished);
  });
  CHECK(schedules > 1000);
  CHECK(finished > static_cast<int>(schedules));  // in most of them both do
}

TEST_CASE("Two leaders, of which one dies at any call, before or after the other is frozen, lose nothing") {
  std::size_t schedules = 0;
  test::explore(2, true, [&](const test::Schedule& schedule) {
    ++schedules;
    return lead_by(2, schedule);
  });
  CHECK(schedules > 1000);
}

TEST_CASE("Three leaders, frozen, woken and killed at random, lose nothing") {
  std::mt19937 random(Catch::rngSeed());
  for (int round = 0; round < 600; ++round) {
    test::Schedule schedule;
    for (std::size_t step = 0; step < 200; step += 1 + random() % 30)
      schedule.push_back({step, random() % 3, random() % 20 == 0});
    lead_by(3, schedule);
  }
}

}  // namespace
}  // namespace tasker::store
