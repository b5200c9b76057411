#pragma once

#include "store/record.hpp"

#include <tasker/detail/call.hpp>

#include <string_view>

namespace tasker::store {

/// Makes fingerprints: 128 bits over what the whole map declares (version, inputs, seed, types) and one
/// argument.
class Fingerprinter {
 public:
  explicit Fingerprinter(const detail::MapCall& call);
  Fingerprint operator()(std::string_view argument) const;
  /// Of the declarations alone: the same for maps that can reuse each other's results.
  const Digest& digest() const { return declared_; }

 private:
  Digest declared_;
};

}  // namespace tasker::store
