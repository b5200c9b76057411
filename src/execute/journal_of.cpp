#include "execute/journal_of.hpp"

#include "base/hash.hpp"

#include <tasker/detail/archive.hpp>

#include <algorithm>
#include <filesystem>

namespace tasker::execute {

store::JournalName journal_name(const talk::Start& start, int rank) {
  store::JournalName name{start.sequence, 0, rank};
  base::from_hex(start.run, name.id);
  return name;
}

store::JournalWriter journal_of(const talk::Start& start, const detail::MapCall& call,
                                const store::Fingerprinter& fingerprint, int rank, const std::string& host,
                                const std::string& build) {
  const store::JournalName name = journal_name(start, rank);
  const store::Manifest manifest{start.tasks,
                                 call.argument_type,
                                 call.result_type,
                                 start.options.columns,
                                 base::to_hex(fingerprint.digest()),
                                 store::boost_version()};
  const store::Origin origin{start.run, start.sequence, std::max(rank, 0), host,
                             build,     start.tasks,    start.job};
  return {std::filesystem::path(start.directory) / name.to_string(), name.id, {manifest, {origin}}};
}

}  // namespace tasker::execute
