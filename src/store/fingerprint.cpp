#include "store/fingerprint.hpp"

#include "base/hash.hpp"

#include <tasker/detail/archive.hpp>

namespace tasker::store {

Fingerprinter::Fingerprinter(const detail::MapCall& call) {
  std::string declared;
  for (const std::string* text : {&call.options.version, &call.argument_type, &call.result_type})
    detail::encode(declared, *text);
  for (std::uint64_t number : {call.options.inputs.low, call.options.inputs.high, call.options.seed})
    detail::put(declared, number);
  declared_ = base::hash128(declared);
}

Fingerprint Fingerprinter::operator()(std::string_view argument) const {
  Fingerprint fingerprint = base::hash128(argument, declared_.low);
  fingerprint.high ^= declared_.high;
  return fingerprint;
}

}  // namespace tasker::store
