#pragma once

#include <cstddef>
#include <functional>
#include <random>
#include <vector>

/// Actors whose calls on files are interleaved as a test wants it. This program's own `open`, `rename` and
/// the like wait until it is their actor's turn; between two of them an actor is as good as frozen.
namespace tasker::test {

/// Where an execution departs from the order in which each actor runs to its end, one after the other.
struct Turn {
  std::size_t step = 0;   ///< Before this call, counted over all actors,
  std::size_t actor = 0;  ///< this one goes on;
  bool kill = false;      ///< or it dies: from then on nothing that it calls happens.
};
using Schedule = std::vector<Turn>;

/// Runs the actors, each in a thread of its own but never two at a time. `check` is called before each call.
/// Returns for each call who made it, and which of the actors had not ended.
struct Made {
  std::size_t actor = 0;
  std::vector<std::size_t> alive;
};
std::vector<Made> execute(const std::vector<std::function<void()>>& actors, const Schedule& schedule,
                          const std::function<void()>& check);

/// Every schedule of up to `most` turns that differs from those before it, for as long as `run` says what it
/// made of the last one.
void explore(std::size_t most, bool kills, const std::function<std::vector<Made>(const Schedule&)>& run);

}  // namespace tasker::test
