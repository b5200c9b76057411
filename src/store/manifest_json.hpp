#pragma once

#include "store/manifest.hpp"

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

/// The whole number that `j` is, or the largest `T` if that is less. -1, 0.5 and 1e30 are none: they throw
/// (nlohmann's own conversions take them for something else).
template <class T>
T whole_number(const nlohmann::json& j) {
  const auto number = j.get_ref<const nlohmann::json::number_unsigned_t&>();
  return static_cast<T>(std::min<std::uint64_t>(number, std::numeric_limits<T>::max()));
}

/// Compact text; bytes that are not UTF-8 (they occur in names) are replaced rather than refused.
std::string dump(const nlohmann::json& j);

/// The object `j` with a member "checksum" over all others, for files that are replaced as a whole.
std::string seal(nlohmann::json j);
/// The reverse; nothing for a text that is no such object, or whose checksum fails.
std::optional<nlohmann::json> unseal(std::string_view text);

}  // namespace tasker::store
