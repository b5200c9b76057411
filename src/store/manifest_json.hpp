#pragma once

#include "store/manifest.hpp"
#include "store/record.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

/// Manifest and Origin as JSON, for the files that carry them. Reading throws nlohmann::json::exception.
namespace tasker::store {

void to_json(nlohmann::json& j, const Manifest& manifest);
void from_json(const nlohmann::json& j, Manifest& manifest);
void to_json(nlohmann::json& j, const Origin& origin);
void from_json(const nlohmann::json& j, Origin& origin);

/// `j` as a whole number; a larger number becomes the largest `T`. Throws for -1, 0.5 and 1e30, which
/// nlohmann's own conversions would turn into other numbers.
template <class T>
T whole_number(const nlohmann::json& j) {
  const auto number = j.get_ref<const nlohmann::json::number_unsigned_t&>();
  return static_cast<T>(std::min<std::uint64_t>(number, std::numeric_limits<T>::max()));
}

/// Compact text. Bytes that are not UTF-8 (they occur in names) are replaced.
std::string dump(const nlohmann::json& j);

/// Text of the object `j` with a member "checksum" over all others. For files that are replaced as a whole.
std::string seal(nlohmann::json j);
/// The object that `seal` made the text of; nothing if the text is no such object, or its checksum fails.
std::optional<nlohmann::json> unseal(std::string_view text);

}  // namespace tasker::store
