#pragma once

#include "base/intervals.hpp"
#include "store/catalog.hpp"

#include <cstdint>
#include <functional>

namespace tasker::store {

/// What the records of a directory are worth to a list of arguments.
struct MatchResult {
  std::uint64_t reused = 0;       ///< Tasks whose result is there.
  std::uint64_t moved = 0;        ///< Of these, found at another index.
  std::uint64_t carried = 0;      ///< Results that the list has no use for; they are kept.
  std::uint64_t other_build = 0;  ///< Of the reused, computed by another build of the program.
};

/// Finds for every argument the record that it can reuse: at its own index first, then moved ones. A record
/// serves one task; one that is bound to its index or to the number of tasks serves only there.
class Matcher {
 public:
  Matcher(Catalog& catalog, const std::filesystem::path& scratch, std::string build);

  /// The fingerprint of the next argument, from index 0 on.
  void next(const Fingerprint& fingerprint);

  /// After the last argument. Calls `missing` with the tasks that must be computed, in ascending order.
  /// Afterwards the catalog's slots hold what each task reuses, and its strays what is carried along.
  MatchResult finish(const std::function<void(base::Range)>& missing);

 private:
  struct Wanted {
    std::uint64_t index;
    Fingerprint fingerprint;
  };
  bool usable(const Entry& entry) const;
  void sort_strays();
  /// Gives strays to the tasks that want them; returns how many moved.
  std::uint64_t take_strays();
  Catalog& catalog_;
  std::string build_;
  base::ScratchArray<Wanted> wanted_;
  std::uint64_t next_ = 0;
};

}  // namespace tasker::store
