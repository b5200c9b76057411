#pragma once

#include "store/format.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/detail/call.hpp>
#include <tasker/detail/result_source.hpp>
#include <tasker/digest.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tasker::store {

/// The hash that ties a record to its argument.
using Fingerprint = Digest;

/// Makes fingerprints: 128 bits over an argument and what the map declares (version, inputs, seed, types).
class Fingerprinter {
 public:
  explicit Fingerprinter(const detail::MapCall& call);
  explicit Fingerprinter(const Digest& declared) : declared_(declared) {}
  Fingerprint operator()(std::string_view argument) const;
  /// The digest of what the map declares: maps with the same digest can reuse each other's results.
  const Digest& digest() const { return declared_; }

 private:
  Digest declared_;
};

/// What an attempt left behind. Views point into the frame that it was read from, or the writer's buffers.
struct Record {
  std::uint64_t index = 0;
  std::optional<Fingerprint> fingerprint =
      {};  ///< Nothing if the argument is kept, and short enough to be hashed.
  Outcome outcome = Outcome::none;
  std::uint8_t binding = 0;  ///< bound_to_index, bound_to_count
  std::uint32_t attempt = 1;
  std::string_view argument = {};  ///< Empty if arguments are not kept.
  std::string_view payload = {};   ///< The result's bytes, or why the attempt failed.
  std::string_view output = {};    ///< Encoded (decode_output); empty if nothing is kept.
};

/// Encodes what an attempt wrote; empty if it wrote nothing.
std::string encode_output(const Output& output);
/// The reverse; nothing for bytes that make no sense.
std::optional<Output> decode_output(std::string_view bytes);

/// Who wrote records: one rank of one run.
struct Origin {
  std::string run;             ///< Id of the run, 16 hexadecimal digits.
  std::uint32_t sequence = 0;  ///< Number of the run in its directory; later runs have higher ones.
  int rank = 0;
  std::string host;
  std::string build;        ///< Build id of the program.
  std::uint64_t tasks = 0;  ///< How many tasks its map had.
  std::string job = {};     ///< The scheduler's job that the run belonged to; empty if none.
  Digest declared = {};     ///< What the map declared: makes fingerprints of arguments.

  bool operator==(const Origin&) const = default;
};

}  // namespace tasker::store
