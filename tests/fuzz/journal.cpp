// A journal of unknown content, in the directory that a reader opens, and a run matches, folds and merges.
#include "fuzz/fuzz.hpp"
#include "store/fold.hpp"
#include "store/merge.hpp"
#include "store/snapshot.hpp"

#include <tasker/detail/archive.hpp>

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

namespace tasker::fuzz {

namespace {

namespace fs = std::filesystem;

// As in tests/store/golden.
const store::JournalName name{1, 0x8f3a1c9be02d7745, 0};
const std::vector<std::string> texts = {"the cat the dog", "new text", "", "no words"};

/// A table for as many tasks as a journal says there are is refused as a full disk refuses it.
void limit_files() {
  const rlimit limit{64 << 20, 64 << 20};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, SIG_IGN);
}

/// Its records as results of four tasks, as a run does at its end.
void merge(const store::Fence& fence, const fs::path& file) {
  const fs::path& directory = fence.directory();
  store::Catalog catalog(directory, texts.size());
  for (const auto& journal : store::list_journals(directory)) catalog.add(directory, journal);
  catalog.settle();
  std::vector<std::uint64_t> missing;
  test::match(catalog, texts, missing);
  store::merge(catalog, fence, file, test::manifest_for(texts.size()), true, std::nullopt);
}

}  // namespace

void use(std::string_view input) {
  static const bool limited = (limit_files(), true);
  (void)limited;
  static const test::TemporaryDirectory home;
  const fs::path file = home.path() / "words";
  const fs::path directory = store::directory_of(file);
  fs::remove_all(directory);
  fs::create_directory(directory);
  test::write_file(directory / name.to_string(), input);

  accepts([&] { read_all(store::Snapshot(directory)); });
  fs::remove(file);
  const store::Fence fence(directory, "fuzz");
  accepts([&] { store::remove_folded(fence, store::list_journals(directory)); });
  if (!accepts([&] { store::fold_journals(fence, {name}); })) return;
  // What passed for records makes a sound archive.
  merge(fence, file);
  const auto archive = store::Archive::open(file);
  if (!archive->is_whole() || !read_all(*archive)) std::abort();
}

/// A header ends where the first frame begins, or another header, and a frame where the next one does.
void repair(std::string& bytes) {
  const auto next = [&](std::string_view magic, std::size_t at) {
    return std::min(bytes.find(magic, at), bytes.size());
  };
  std::size_t at = 0;
  bytes.replace(0, std::min(bytes.size(), store::journal_magic.size()), store::journal_magic);
  while (bytes.size() - at >= store::preamble_size && bytes.compare(at, 8, store::journal_magic) == 0) {
    const std::size_t text = at + store::preamble_size;
    const std::size_t end = std::min(next(store::frame_magic, text), next(store::journal_magic, text));
    const std::uint32_t version =
        detail::Reader(std::string_view(bytes).substr(at + 8)).number<std::uint32_t>();
    set(bytes, at + 12, static_cast<std::uint32_t>(end - text));
    set(bytes, at + 16, base::hash64(std::string_view(bytes).substr(text, end - text), version ^ name.id));
    at = end;
  }
  for (at = next(store::frame_magic, at); bytes.size() - at >= store::frame_header_size;) {
    const std::size_t end = next(store::frame_magic, at + store::frame_header_size);
    set(bytes, at + 8, std::uint64_t{end - at - store::frame_header_size});
    if (const auto frame = store::Frame::at(std::string_view(bytes).substr(at)))
      set(bytes, at + store::frame_header_size - 8, frame->parts().checksum(name.id));
    at = end;
  }
}

}  // namespace tasker::fuzz
