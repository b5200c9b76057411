#include "store/record.hpp"

#include "base/hash.hpp"

#include <tasker/detail/bytes.hpp>

namespace tasker::store {

using detail::put;

Fingerprinter::Fingerprinter(const detail::MapCall& call) {
  std::string declared;
  for (const std::string* text : {&call.options.version, &call.argument_type, &call.result_type})
    detail::Codec<std::string>::encode(declared, *text);
  put(declared, call.options.inputs.low, call.options.inputs.high, call.options.seed);
  declared_ = base::hash128(declared);
}

Fingerprint Fingerprinter::operator()(std::string_view argument) const {
  Fingerprint fingerprint = base::hash128(argument, declared_.low);
  fingerprint.high ^= declared_.high;
  return fingerprint;
}

std::string encode_output(const Output& output) {
  if (output.out.empty() && output.err.empty()) return {};
  std::string size;
  put(size, std::uint64_t{output.out.size()});
  return size + output.out + output.err;
}

std::optional<Output> decode_output(std::string_view bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
  detail::Reader in(bytes);
  const auto size = in.number<std::uint64_t>();
  if (size > in.left().size()) return std::nullopt;
  return Output{std::string(in.left().substr(0, size)), std::string(in.left().substr(size))};
}

}  // namespace tasker::store
