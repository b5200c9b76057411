#pragma once

#include "base/file.hpp"
#include "base/mapping.hpp"
#include "store/manifest.hpp"
#include "store/paths.hpp"
#include "store/record.hpp"

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

/// Appends frames to one journal, which is created with the first of them. One writer per file, ever.
class JournalWriter {
 public:
  JournalWriter(std::filesystem::path path, std::uint64_t seed, JournalHeader header)
      : path_(std::move(path)), seed_(seed), header_(std::move(header)) {}

  /// Appends one frame: when it returns, the frame survives kill -9. `body` is `head` and `tail` together.
  void append(const FrameInfo& info, std::string_view head, std::string_view tail = {});
  /// Appends a frame that another rank built, header included, with the same seed. Throws DamagedError, with
  /// nothing written, unless it is whole.
  void append_built(std::string_view frame);
  /// When it returns, everything appended survives a loss of power, the file's name included.
  void sync();
  /// The same but for the name, for a file that gets another one.
  void sync_bytes();
  void close();

  bool created() const { return file_.is_open(); }

 private:
  void create();
  std::filesystem::path path_;
  std::uint64_t seed_;
  JournalHeader header_;
  base::File file_;
  bool name_synced_ = false;
};

/// A journal mapped for reading, as long as it was when opened.
class JournalReader {
 public:
  JournalReader(const std::filesystem::path& directory, const JournalName& name);

  const JournalName& name() const { return name_; }
  /// Nothing if it is damaged; the frames are good nevertheless. Throws MismatchError for a newer format.
  const std::optional<JournalHeader>& header() const { return header_; }
  /// Its frames; those before the offset `from` are left out.
  FrameReader frames(std::uint64_t from = 0) const {
    return FrameReader(mapping_.bytes(), std::max(from, frames_at_), name_.id);
  }
  std::string_view bytes() const { return mapping_.bytes(); }

 private:
  JournalName name_;
  base::Mapping mapping_;
  std::optional<JournalHeader> header_;
  std::uint64_t frames_at_ = 0;
};

}  // namespace tasker::store
