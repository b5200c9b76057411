#include "support/store_fixture.hpp"

#include "base/hash.hpp"
#include "store/frame_builder.hpp"
#include "store/merge.hpp"

#include <tasker/detail/archive.hpp>

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace tasker::test {

namespace fs = std::filesystem;
using store::JournalName;

namespace {

/// In memory, where there is enough: thousands of small files are synced here.
fs::path place_for_tests() {
  std::error_code error;
  const fs::path memory = "/dev/shm";
  const bool chosen = ::getenv("TMPDIR") != nullptr;
  if (!chosen && fs::is_directory(memory, error) && fs::space(memory, error).available > (256U << 20))
    return memory;
  return fs::temp_directory_path();
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = place_for_tests() / "tasker-test.XXXXXX";
  if (!::mkdtemp(name.data())) throw std::runtime_error("cannot create " + name);
  path_ = name;
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path source_file(const std::string& path) { return fs::path(TASKER_SOURCE_DIR) / path; }

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& path, std::string_view bytes) {
  // A new file, not the old one's content: who has that mapped keeps it.
  fs::remove(path);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

void shrink_to(const fs::path& path, std::uint64_t size) { fs::resize_file(path, size); }

void flip_bit(const fs::path& path, std::uint64_t bit) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto at = static_cast<std::streamoff>(bit / 8);
  const int byte = file.seekg(at).get();
  file.seekp(at).put(static_cast<char>(byte ^ (1 << (bit % 8))));
  if (!file.flush()) throw std::runtime_error("cannot change " + path.string());
}

void lose_header(const fs::path& path) {
  const std::size_t frames_at = read_file(path).find(store::frame_magic);
  for (const std::size_t header : {std::size_t{0}, frames_at / 2}) flip_bit(path, 8 * (header + 30));
}

void put_at(const fs::path& path, std::uint64_t offset, std::string_view bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot change " + path.string());
}

std::vector<std::pair<std::string, std::string>> everything_in(const fs::path& directory) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    all.emplace_back(entry.path().string(), entry.is_regular_file() ? read_file(entry.path()) : "");
  std::sort(all.begin(), all.end());
  return all;
}

store::Fingerprint fingerprint_of(std::string_view argument) {
  return store::Fingerprinter(declared)(argument);
}

std::string frame_of(const std::vector<Kept>& records, std::uint64_t seed, const store::FrameInfo& info) {
  const store::Fingerprinter fingerprinter(declared);
  store::FrameBuilder builder(fingerprinter, true);
  for (const Kept& kept : records)
    builder.add({.index = kept.index,
                 .outcome = kept.outcome,
                 .binding = kept.binding,
                 .attempt = kept.attempt,
                 .argument = kept.argument,
                 .payload = kept.payload,
                 .output = kept.output});
  return store::to_bytes(builder.frame(info), seed);
}

store::Manifest manifest_for(std::uint64_t tasks) {
  return {tasks, "str", "str", {}, base::to_hex(declared), "1_74"};
}

Store::Store() { fs::create_directory(directory()); }

void Store::clear() {
  fence_.reset();
  fs::remove_all(directory());
  fs::create_directory(directory());
}

JournalName Store::journal(std::uint32_t sequence, int rank, std::uint64_t tasks, const Frames& frames) {
  const JournalName name{sequence, 0x1000U + sequence, rank};
  const store::Origin origin{
      base::to_hex(name.id), sequence, rank, "node" + std::to_string(rank), "build", tasks, {}, declared};
  store::JournalWriter writer(path_of(name), name.id, {manifest_for(tasks), {origin}});
  for (const auto& records : frames) {
    store::FrameInfo info;
    info.together = static_cast<std::uint32_t>(records.size());
    info.start = 1'700'000'000'000'000'000;
    info.duration = 1000 * records.size();
    writer.append_bytes(frame_of(records, name.id, info));
  }
  writer.close();
  return name;
}

std::unique_ptr<store::Catalog> Store::catalog(std::uint64_t tasks) const {
  auto catalog = std::make_unique<store::Catalog>(directory(), tasks);
  for (const JournalName& name : journals()) catalog->add(directory(), name);
  catalog->settle();
  return catalog;
}

std::shared_ptr<const store::Archive> Store::merge(const store::Catalog& catalog, bool keep_arguments) {
  const auto before = archive();
  const auto replaces = before ? std::optional(before->description().id) : std::nullopt;
  store::merge(catalog, fence(), file(), manifest_for(catalog.tasks()), keep_arguments, replaces);
  return archive();
}

store::MatchResult match(store::Catalog& catalog, const std::vector<std::string>& arguments,
                         std::vector<std::uint64_t>& missing) {
  store::Matcher matcher(catalog, "build");
  for (const std::string& argument : arguments) matcher.next(fingerprint_of(argument));
  return matcher.finish([&](base::Range range) {
    for (std::uint64_t i = range.first; i < range.last; ++i) missing.push_back(i);
  });
}

std::string encoded(const std::string& text) {
  std::string bytes;
  detail::encode(bytes, text);
  return bytes;
}

}  // namespace tasker::test
