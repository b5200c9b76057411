#include "store/journal.hpp"

#include "base/hash.hpp"
#include "store/manifest_json.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

namespace tasker::store {

void JournalWriter::create() {
  const nlohmann::json header = {
      {"manifest", header_.manifest},
      {"types", {{{"argument", header_.manifest.argument_type}, {"result", header_.manifest.result_type}}}},
      {"origins", header_.origins},
      {"folded", header_.folded}};
  const std::string text = dump(header);
  std::string preamble(journal_magic);
  detail::put(preamble, format_version);
  detail::put(preamble, static_cast<std::uint32_t>(text.size()));
  detail::put(preamble, base::hash64(text, format_version));
  base::File file = base::File::create_new(path_);
  file.write({preamble, text});
  file_ = std::move(file);
}

void JournalWriter::append(const FrameInfo& info, std::string_view head, std::string_view tail) {
  if (!created()) create();
  file_.write({frame_header(info, head, tail, seed_), head, tail});
}

void JournalWriter::append_built(std::string_view frame) {
  const auto whole = FrameReader(frame, 0, seed_).next();
  if (!whole || whole->offset != 0 || frame_header_size + whole->body.size() != frame.size())
    throw DamagedError("records for " + path_.string() + " were damaged on their way to rank 0");
  if (!created()) create();
  file_.write({frame});
}

void JournalWriter::sync() {
  sync_bytes();
  if (!created() || name_synced_) return;
  const std::filesystem::path directory = path_.parent_path();
  base::sync_directory(directory);
  base::sync_directory(directory.parent_path());
  name_synced_ = true;
}

void JournalWriter::sync_bytes() {
  if (created()) file_.sync(true);
}

void JournalWriter::close() { file_.close(); }

JournalReader::JournalReader(const std::filesystem::path& directory, const JournalName& name)
    : name_(name), mapping_(directory / name.to_string()) {
  const std::string_view bytes = mapping_.bytes();
  // Without a believable header, frames are looked for from the first byte on.
  if (bytes.size() < preamble_size) return;
  detail::Reader in(bytes);
  if (in.bytes(journal_magic.size()) != journal_magic) return;
  const auto version = in.number<std::uint32_t>();
  const auto size = in.number<std::uint32_t>();
  const auto checksum = in.number<std::uint64_t>();
  if (size > in.left().size()) return;
  const std::string_view text = in.bytes(size);
  if (base::hash64(text, version) != checksum) return;
  if (version > format_version)
    throw MismatchError((directory / name.to_string()).string() +
                        " was written by a newer version of Tasker; use that one");
  try {
    const auto header = nlohmann::json::parse(text);
    header_ = {header.at("manifest").get<Manifest>(), header.at("origins").get<std::vector<Origin>>(),
               header.at("folded").get<std::vector<std::string>>()};
    frames_at_ = preamble_size + size;
  } catch (const nlohmann::json::exception&) {
    header_.reset();
  }
}

}  // namespace tasker::store
