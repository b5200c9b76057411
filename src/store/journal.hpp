#pragma once

#include "base/file.hpp"
#include "base/mapping.hpp"
#include "store/frame.hpp"
#include "store/manifest.hpp"
#include "store/paths.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace tasker::store {

/// What a journal says before its first frame.
struct JournalHeader {
  Manifest manifest;
  std::vector<Origin> origins;
  std::vector<std::string> folded = {};  ///< Names of the journals that this one replaces.
};

/// Appends frames to one journal. The first frame creates the file. A file has one writer, ever.
class JournalWriter {
 public:
  JournalWriter(std::filesystem::path path, std::uint64_t seed, JournalHeader header)
      : path_(std::move(path)), seed_(seed), header_(std::move(header)) {}

  /// When it returns, the frame survives kill -9.
  void append(const FrameParts& frame);
  /// Appends a frame that another rank has made for a journal with the same seed. Throws DamagedError, with
  /// nothing written, unless the frame is whole.
  void append_bytes(std::string_view frame);
  /// When it returns, everything appended so far survives a loss of power, and so does the file's name.
  void sync();
  /// Nothing is appended any more: ends the journal, if there is one, with the closing frame. With `sync` the
  /// bytes survive a loss of power, but not the name: for a file that is renamed afterwards.
  void close(bool sync = false);

  bool created() const { return file_.is_open(); }

 private:
  void create();
  std::filesystem::path path_;
  std::uint64_t seed_;
  JournalHeader header_;
  base::File file_;
  bool name_synced_ = false;
};

/// A journal, mapped for reading. What is appended after opening is not seen.
class JournalReader {
 public:
  JournalReader(const std::filesystem::path& directory, const JournalName& name);

  const JournalName& name() const { return name_; }
  /// Nothing if it is damaged; the frames may be good. The constructor throws MismatchError for another
  /// version of the format.
  const std::optional<JournalHeader>& header() const { return header_; }
  /// The frames from offset `from` on.
  FrameReader frames(std::uint64_t from = 0) const {
    return FrameReader(bytes_, std::max(from, frames_at_), name_.id);
  }
  /// Without the closing frame.
  std::string_view bytes() const { return bytes_; }
  /// Whether its writer has closed it: then nobody adds to it.
  bool is_closed() const { return bytes_.size() < mapping_.bytes().size(); }

 private:
  void read_header(const std::filesystem::path& path, std::size_t at);
  JournalName name_;
  base::Mapping mapping_;
  std::string_view bytes_;
  std::optional<JournalHeader> header_;
  std::uint64_t frames_at_ = 0;
};

}  // namespace tasker::store
