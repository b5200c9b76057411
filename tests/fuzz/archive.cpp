// An archive of unknown content: read, imported into a directory, and matched there.
#include "fuzz/fuzz.hpp"
#include "store/archive_writer.hpp"
#include "store/fold.hpp"

namespace tasker::fuzz {

namespace fs = std::filesystem;

void use(std::string_view input) {
  static const test::TemporaryDirectory home;
  const fs::path file = home.path() / "words";
  const fs::path directory = store::directory_of(file);
  test::write_file(file, input);
  std::shared_ptr<const store::Archive> archive;
  if (!accepts([&] { archive = store::Archive::open(file); })) return;

  read_all(*archive);
  accepts([&] { detail::open_results(file, archive->result_type()); });
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(archive->size(), 64); ++i) {
    accepts([&] { archive->fingerprint(i); });
    accepts([&] { archive->extent_of(i); });
  }
  fs::remove_all(directory);
  fs::create_directory(directory);
  store::import_archive(store::Fence(directory, "fuzz"), *archive);
  store::Catalog catalog(directory, 4);
  for (const auto& journal : store::list_journals(directory)) catalog.add(directory, journal);
  std::vector<std::uint64_t> missing;
  catalog.settle();
  test::match(catalog, {"the cat the dog", "new text", "", "no words"}, missing);
}

/// The description begins where its first member is, and the blocks' checksums end there.
void repair(std::string& bytes) {
  const std::size_t description = bytes.rfind("{\"argument_stride\"");
  if (description == std::string::npos || description < store::archive_header_size) return;
  std::size_t blocks = 0;
  std::size_t table = description;
  do table = description - ++blocks * sizeof(std::uint64_t);
  while (table > store::archive_header_size + blocks * store::block_size);
  if (table < store::archive_header_size) return;
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::size_t at = store::archive_header_size + i * store::block_size;
    const auto block = std::string_view(bytes).substr(at, std::min(store::block_size, table - at));
    set(bytes, table + i * sizeof(std::uint64_t), base::hash64(block));
  }
  store::ArchiveHeader header;
  header.table_offset = table;
  header.table_checksum = base::hash64(std::string_view(bytes).substr(table, description - table));
  header.description_offset = description;
  header.description_size = bytes.size() - description;
  header.description_checksum = base::hash64(std::string_view(bytes).substr(description));
  header.file_size = bytes.size();
  bytes.replace(0, store::archive_header_size, header.to_bytes());
}

}  // namespace tasker::fuzz
