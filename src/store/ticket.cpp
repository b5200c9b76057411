#include "store/ticket.hpp"

#include "base/file.hpp"
#include "base/names.hpp"
#include "store/manifest_json.hpp"
#include "store/paths.hpp"

#include <tasker/error.hpp>

namespace tasker::store {

namespace fs = std::filesystem;

namespace {

constexpr const char* format = "tasker ticket";
constexpr std::size_t most_size = std::size_t{1} << 16;
constexpr mode_t for_owner = 0600;

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw UsageError(path.string() + " is no ticket: " + why +
                   "; `tasker invite DIRECTORY > ticket` writes one where the run is");
}

}  // namespace

std::string to_text(const Ticket& ticket) {
  return seal({{"format", format},
               {"host", ticket.host},
               {"addresses", ticket.addresses},
               {"key", talk::to_hex(ticket.key)}});
}

Ticket read_ticket(const fs::path& path) {
  std::optional<std::string> text;
  try {
    text = base::read_small_file(path, most_size);
  } catch (const SystemError& error) {
    refuse(path, error.what());
  }
  if (!text) refuse(path, "there is no such file");
  const auto j = unseal(*text);
  if (!j) refuse(path, "it is damaged, or something else");
  try {
    if (j->at("format") != format) refuse(path, "it is something else");
    const auto key = talk::key_from_hex(j->at("key").get<std::string>());
    if (!key) refuse(path, "its key is damaged");
    return {j->at("host").get<std::string>(), j->at("addresses").get<std::vector<std::string>>(), *key};
  } catch (const nlohmann::json::exception&) {
    refuse(path, "something is missing");
  }
}

void write_ticket(const fs::path& path, const Ticket& ticket) {
  base::File file = base::File::create_new(temporary_path(path));
  base::set_mode(file.path(), for_owner);
  file.write({to_text(ticket)});
  file.close();
  base::rename_file(file.path(), path);
}

}  // namespace tasker::store
