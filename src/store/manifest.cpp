#include "store/manifest.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "store/format.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

#include <boost/version.hpp>
#include <nlohmann/json.hpp>

namespace tasker::store {

using nlohmann::json;

Manifest manifest_of(const detail::MapCall& call, std::uint64_t tasks, const Digest& digest) {
  return {tasks,
          call.argument_type,
          call.result_type,
          call.options.columns,
          base::to_hex(digest),
          BOOST_LIB_VERSION};
}

void to_json(json& j, const Manifest& manifest) {
  j = {{"tasks", manifest.tasks},     {"argument", manifest.argument_type}, {"result", manifest.result_type},
       {"columns", manifest.columns}, {"digest", manifest.digest},          {"boost", manifest.boost}};
}

void from_json(const json& j, Manifest& manifest) {
  manifest.tasks = whole_number<std::uint64_t>(j.at("tasks"));
  j.at("argument").get_to(manifest.argument_type);
  j.at("result").get_to(manifest.result_type);
  j.at("columns").get_to(manifest.columns);
  j.at("digest").get_to(manifest.digest);
  j.at("boost").get_to(manifest.boost);
}

void to_json(json& j, const Origin& origin) {
  j = {{"run", origin.run},
       {"sequence", origin.sequence},
       {"rank", origin.rank},
       {"host", origin.host},
       {"build", origin.build},
       {"tasks", origin.tasks},
       {"declared", base::to_hex(origin.declared)}};
  if (!origin.job.empty()) j["job"] = origin.job;
}

void from_json(const json& j, Origin& origin) {
  j.at("run").get_to(origin.run);
  origin.sequence = whole_number<std::uint32_t>(j.at("sequence"));
  origin.rank = whole_number<int>(j.at("rank"));
  j.at("host").get_to(origin.host);
  j.at("build").get_to(origin.build);
  origin.tasks = whole_number<std::uint64_t>(j.at("tasks"));
  base::from_hex(j.at("declared").get<std::string>(), origin.declared);
  if (const auto job = j.find("job"); job != j.end()) job->get_to(origin.job);
}

std::string dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string seal(json j) {
  j["checksum"] = base::to_hex(base::hash64(dump(j)));
  return j.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<json> unseal(std::string_view text) {
  bool too_deep = false;  // dump recurses
  const auto watch_depth = [&](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > 16;
    return true;
  };
  json j = json::parse(text, watch_depth, false);
  if (too_deep || !j.is_object()) return std::nullopt;
  const auto checksum = j.find("checksum");
  if (checksum == j.end() || !checksum->is_string()) return std::nullopt;
  const auto believed = checksum->get<std::string>();
  j.erase(checksum);
  if (believed != base::to_hex(base::hash64(dump(j)))) return std::nullopt;
  return j;
}

namespace {
constexpr std::string_view format_name = "tasker directory";
}

void write_manifest(const Fence& fence, const Manifest& manifest) {
  fence.replace(manifest_path(fence.directory()),
                seal({{"format", format_name}, {"version", format_version}, {"manifest", manifest}}));
}

std::optional<Manifest> read_manifest(const std::filesystem::path& directory) {
  const auto path = manifest_path(directory);
  const auto text = base::read_small_file(path);
  if (!text) return std::nullopt;
  // Only a text whose checksum holds is believed. So damage is never taken for another format.
  const auto j = unseal(*text);
  if (!j) return std::nullopt;
  try {
    if (j->at("format").get<std::string>() == format_name &&
        whole_number<std::uint32_t>(j->at("version")) == format_version)
      return j->at("manifest").get<Manifest>();
  } catch (const json::exception&) {
    // A text without these members was written by no version of Tasker.
  }
  throw MismatchError(path.string() + " was written by another version, or another program; use that one");
}

bool has_manifest(const std::filesystem::path& directory) {
  const auto text = base::read_small_file(manifest_path(directory));
  return text && text->find(format_name) != std::string::npos;
}

void require_types(const std::filesystem::path& path, const Manifest& manifest,
                   const std::string& argument_type, const std::string& result_type) {
  const auto refuse = [&](const char* what, const std::string& theirs, const std::string& ours) {
    throw MismatchError(path.string() + " holds " + what + "s of type " + theirs + ", this program has " +
                        ours + "; use another file name, or move the old one away. Nothing was touched");
  };
  if (manifest.argument_type != argument_type) refuse("argument", manifest.argument_type, argument_type);
  if (manifest.result_type != result_type) refuse("result", manifest.result_type, result_type);
}

}  // namespace tasker::store
