#include "store/journal.hpp"

#include "base/hash.hpp"
#include "store/manifest_json.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

namespace tasker::store {

void JournalWriter::create() {
  const std::string text =
      dump({{"manifest", header_.manifest}, {"origins", header_.origins}, {"folded", header_.folded}});
  std::string preamble(journal_magic);
  detail::put(preamble, format_version, static_cast<std::uint32_t>(text.size()),
              base::hash64(text, format_version ^ seed_));
  base::File file = base::File::create_new(path_);
  // Without the header no record could be told from others, so there are two.
  file.write({preamble, text, preamble, text});
  file_ = std::move(file);
}

void JournalWriter::append(const FrameParts& frame) {
  if (!created()) create();
  std::string checksum;
  detail::put(checksum, frame.checksum(seed_));
  file_.write(frame.with(checksum));
}

void JournalWriter::append_bytes(std::string_view frame) {
  const auto whole = Frame::at(frame);
  if (!whole || whole->bytes().size() != frame.size() || !whole->is_whole(seed_))
    throw DamagedError("records for " + path_.string() + " were damaged on their way to rank 0");
  if (!created()) create();
  file_.write({frame});
}

void JournalWriter::sync() {
  if (!created()) return;
  file_.sync(true);
  if (name_synced_) return;
  base::sync_directory_and_name(path_.parent_path());
  name_synced_ = true;
}

void JournalWriter::close(bool sync) {
  if (!created()) return;
  // If this fails, so may an earlier write have done whose error only comes now, as over NFS.
  file_.write({closing_frame(seed_)});
  if (sync) file_.sync(true);
  file_.close();
}

JournalReader::JournalReader(const std::filesystem::path& directory, const JournalName& name)
    : name_(name), mapping_(directory / name.to_string()), bytes_(mapping_.bytes()) {
  const std::string closing = closing_frame(name.id);
  if (bytes_.ends_with(closing)) bytes_.remove_suffix(closing.size());
  // If neither header can be believed, the search for frames begins at the first byte.
  for (std::size_t at = 0; at < bytes_.size() && !header_; at = bytes_.find(journal_magic, at + 1))
    read_header(directory / name.to_string(), at);
  // The second one is no damage.
  const std::string_view first = bytes_.substr(0, frames_at_);
  if (bytes_.substr(frames_at_).starts_with(first)) frames_at_ *= 2;
}

/// Takes the header that begins there, if it is whole.
void JournalReader::read_header(const std::filesystem::path& path, std::size_t at) {
  const std::string_view bytes = bytes_.substr(at);
  if (bytes.size() < preamble_size) return;
  detail::Reader in(bytes);
  if (in.bytes(journal_magic.size()) != journal_magic) return;
  const auto version = in.number<std::uint32_t>();
  const auto size = in.number<std::uint32_t>();
  const auto checksum = in.number<std::uint64_t>();
  if (size > in.left().size()) return;
  const std::string_view text = in.bytes(size);
  if (base::hash64(text, version ^ name_.id) != checksum) return;
  if (version != format_version)
    throw MismatchError(path.string() + " was written by another version of Tasker; use that one");
  try {
    const auto header = nlohmann::json::parse(text);
    header_ = {header.at("manifest").get<Manifest>(), header.at("origins").get<std::vector<Origin>>(),
               header.at("folded").get<std::vector<std::string>>()};
    frames_at_ = at + preamble_size + size;
  } catch (const nlohmann::json::exception&) {
    header_.reset();
  }
}

}  // namespace tasker::store
