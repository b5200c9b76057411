#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace tasker::execute {

/// Tasks that failed, those of equal cause together. Where there are very many causes, those that came up
/// first, by index.
class Failures {
 public:
  /// (first task, number of tasks, cause, last lines of the first one's output)
  using Group = std::tuple<std::uint64_t, std::uint64_t, std::string, std::string>;

  void add(std::uint64_t first, std::uint64_t count, const std::string& cause, const std::string& lines = {});
  void add(const std::vector<Group>& groups);
  /// In the order of their first tasks.
  const std::vector<Group>& groups() const { return groups_; }
  /// `most` of them, those of the most tasks, in the same order.
  std::vector<Group> largest(std::size_t most) const;

 private:
  std::vector<Group> groups_;
};

}  // namespace tasker::execute
