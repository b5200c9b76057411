#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace tasker::execute {

/// Tasks that failed, those of equal cause together: the causes that came up first, by index, and only a few.
class Failures {
 public:
  /// (first task, number of tasks, cause, last lines of the first one's output)
  using Group = std::tuple<std::uint64_t, std::uint64_t, std::string, std::string>;

  void add(std::uint64_t first, std::uint64_t count, const std::string& cause, const std::string& lines = {});
  void add(const std::vector<Group>& groups);
  /// In the order of their first tasks.
  const std::vector<Group>& groups() const { return groups_; }

 private:
  std::vector<Group> groups_;
};

}  // namespace tasker::execute
