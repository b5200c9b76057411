#include "store/archive_format.hpp"

#include "base/hash.hpp"
#include "store/manifest_json.hpp"

namespace tasker::store {

using nlohmann::json;

namespace {
json optional_number(const std::optional<std::uint64_t>& value) { return value ? json(*value) : json(); }

std::optional<std::uint64_t> optional_number(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(whole_number<std::uint64_t>(value));
}
}  // namespace

std::string to_bytes(const Extent& extent) {
  const FrameInfo& info = extent.info;
  std::string bytes;
  detail::put(bytes, extent.first, extent.count, info.start, info.duration, info.cpu_time, info.memory,
              info.origin, info.together, extent.attempt,
              std::uint32_t{extent.binding} | static_cast<std::uint32_t>(extent.outcome));
  return bytes;
}

Extent extent_from_bytes(std::string_view bytes) {
  Extent extent;
  FrameInfo& info = extent.info;
  std::uint32_t bits = 0;
  detail::Reader(bytes).read(extent.first, extent.count, info.start, info.duration, info.cpu_time,
                             info.memory, info.origin, info.together, extent.attempt, bits);
  extent.outcome = static_cast<Outcome>(bits & outcome_mask);
  extent.binding = static_cast<std::uint8_t>(bits & static_cast<std::uint32_t>(~outcome_mask & 0xff));
  return extent;
}

std::string to_text(const Description& description) {
  json sections = json::object();
  for (const auto& [name, part] : description.sections)
    sections[name] = {{"offset", part.offset}, {"size", part.size}};
  return dump({{"format", "tasker archive"},
               {"id", base::to_hex(description.id)},
               {"manifest", description.manifest},
               {"origins", description.origins},
               {"merged", description.merged},
               {"failed", description.failed},
               {"carried", description.carried},
               {"result_stride", optional_number(description.result_stride)},
               {"argument_stride", optional_number(description.argument_stride)},
               {"block_size", block_size},
               {"sections", sections}});
}

Description description_from_text(std::string_view text) {
  const json j = json::parse(text);
  Description description;
  base::from_hex(j.at("id").get<std::string>(), description.id);
  j.at("manifest").get_to(description.manifest);
  j.at("origins").get_to(description.origins);
  j.at("merged").get_to(description.merged);
  description.failed = whole_number<std::uint64_t>(j.at("failed"));
  description.carried = whole_number<std::uint64_t>(j.at("carried"));
  description.result_stride = optional_number(j.at("result_stride"));
  description.argument_stride = optional_number(j.at("argument_stride"));
  for (const auto& [name, part] : j.at("sections").items())
    description.sections[name] = {whole_number<std::uint64_t>(part.at("offset")),
                                  whole_number<std::uint64_t>(part.at("size"))};
  return description;
}

}  // namespace tasker::store
