#include "cluster/allocation.hpp"

#include "base/units.hpp"
#include "cluster/launcher.hpp"
#include "cluster/slurm_time.hpp"

#include <cstdlib>
#include <random>

namespace tasker::cluster {

namespace {

/// Limits that differ by less are the same: squeue counts in seconds, and its answer takes a while.
constexpr std::chrono::seconds same{5};
/// A longer limit counts as none.
constexpr std::chrono::hours longest{24 * 3650};

std::optional<std::chrono::seconds> parse_seconds(const char* text) {
  const auto seconds = base::parse_number<std::int64_t>(text ? text : "");
  if (!seconds || *seconds <= 0) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace

std::optional<TimeLimit> limit_of_environment(const char* start, const char* end, std::chrono::seconds wall,
                                              base::Time now) {
  const auto ends = parse_seconds(end);
  if (!ends || *ends - wall > longest) return std::nullopt;
  const auto starts = parse_seconds(start);
  const auto begin = starts && *starts <= wall ? *starts : wall;
  return TimeLimit{now + (*ends - wall), *ends - begin};
}

bool Allocation::look(base::Time now) {
  if (!looked_) job_ = slurm_job();
  if (job_.empty()) return false;
  auto patience = base::Time::min();
  if (!looked_) {
    looked_ = true;
    surroundings_.emplace();
    const auto wall =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    limit_ = limit_of_environment(std::getenv("SLURM_JOB_START_TIME"), std::getenv("SLURM_JOB_END_TIME"),
                                  wall, now);
    due_ = limit_ ? next_question(now) : now;
    if (limit_) return true;
    patience = now + timing_.patience;
  }
  if (!question_) {
    if (now < due_) return false;
    question_ = std::make_unique<Squeue>(job_, *surroundings_);
    asked_ = now;
    due_ = next_question(now);
  }
  const auto answer = question_->answer(patience);
  if (!answer && now < asked_ + timing_.timeout) {
    if (!limit_) trouble_ = "squeue does not answer";
    return false;
  }
  question_.reset();
  // Without an answer the old limit still counts.
  return answer && learn(*answer, asked_);
}

/// Random, so that many runs that began together do not ask together.
base::Time Allocation::next_question(base::Time now) const {
  std::random_device random;
  return now + timing_.pause +
         std::chrono::milliseconds(
             std::uniform_int_distribution<std::int64_t>(0, timing_.pause.count() / 5)(random));
}

bool Allocation::learn(const std::string& answer, base::Time asked) {
  const auto times = parse_squeue(answer);
  if (!times) {
    if (!limit_) trouble_ = "squeue: " + answer.substr(0, answer.find('\n'));
    return false;
  }
  trouble_.clear();
  std::optional<TimeLimit> limit;
  if (times->left) limit = TimeLimit{asked + *times->left, times->limit.value_or(*times->left)};
  const bool is_same = limit_ && limit ? std::chrono::abs(limit->end - limit_->end) < same
                                       : limit_.has_value() == limit.has_value();
  if (is_same) return false;
  limit_ = limit;
  return true;
}

}  // namespace tasker::cluster
