#pragma once

#include "base/intervals.hpp"
#include "store/catalog.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::store {

/// How many records of a directory a list of arguments can reuse.
struct MatchResult {
  std::uint64_t reused = 0;       ///< Number of tasks that reuse a result.
  std::uint64_t moved = 0;        ///< How many of these were found at another index.
  std::uint64_t carried = 0;      ///< Results that the list has no use for; the archive carries them.
  std::uint64_t other_build = 0;  ///< How many reused ones another build of the program has computed.
};

/// Finds the record that each argument can reuse: first the one at its own index, then moved ones. A record
/// serves one task. A record that is bound to its index, or to the number of tasks, serves only there.
class Matcher {
 public:
  Matcher(Catalog& catalog, std::string build);

  /// Takes the next `count` arguments, from index 0 on, which have the same size, one behind the other. They
  /// are hashed only if they have to be.
  void next(std::string_view arguments, std::uint64_t count, const Fingerprinter& fingerprinter);
  /// The same if only its fingerprint is known.
  void next(const Fingerprint& fingerprint);

  /// To be called after the last argument. Calls `missing` with the tasks that must be computed, in ascending
  /// order. Afterwards each slot of the catalog holds what its task reuses, and the strays are what the
  /// archive carries.
  MatchResult finish(const std::function<void(base::Range)>& missing);

 private:
  struct Wanted {
    std::uint64_t index : 63;
    std::uint64_t found : 1;
    Fingerprint fingerprint;
  };
  const Entry* find(std::uint64_t index);
  std::uint64_t take_equal(std::string_view arguments, std::size_t size, const Fingerprinter& fingerprinter);
  bool usable(const Entry& entry) const;
  Fingerprint fingerprint_of(std::uint32_t record) const;
  void sort_strays();
  /// Gives strays to the tasks that want them; returns how many tasks got one from another index.
  std::uint64_t take_strays();

  Catalog& catalog_;
  std::string build_;
  std::uint64_t next_ = 0;
  // The entry that the next task is in, or the one behind that.
  const Entry* entry_;
  std::optional<Frame> frame_;
  bool usable_ = false;
  Digest declared_;
  Entries kept_;  // what the slots will be
  base::ScratchArray<Wanted> wanted_;
};

}  // namespace tasker::store
