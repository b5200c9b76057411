#include "store/list.hpp"

#include "base/hash.hpp"
#include "store/format.hpp"
#include "store/paths.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <algorithm>

namespace tasker::store {

// A list has the magic, 16 bytes for each task, and a checksum that is chained over blocks.
ListWriter::ListWriter(const Fence& fence)
    : fence_(fence),
      file_(base::File::create_new(list_path(fence.path()))),
      checksum_(base::hash64(list_magic)) {
  file_.write({list_magic});
}

void ListWriter::append(const Fingerprint& fingerprint) {
  detail::Codec<Fingerprint>::encode(block_, fingerprint);
  if (block_.size() == block_size) write_block();
}

void ListWriter::write_block() {
  if (block_.empty()) return;
  checksum_ = base::hash64(block_, checksum_);
  file_.write({block_});
  block_.clear();
}

void ListWriter::publish() {
  write_block();
  detail::put(block_, checksum_);
  file_.write({block_});
  file_.sync();
  file_.close();
  fence_.publish(file_.path().filename(), list_path(fence_.directory()));
}

std::optional<List> List::read(const std::filesystem::path& directory) {
  const auto path = list_path(directory);
  if (!base::file_exists(path)) return std::nullopt;
  List list{base::Mapping(path)};
  std::string_view bytes = list.mapping_.bytes();
  // A damaged list is not ignored: records of earlier lists would be taken for results of this one.
  const auto require = [&](bool whole) {
    if (!whole)
      throw DamagedError(path.string() + " is damaged; start the program again, which writes it anew");
  };
  require(bytes.starts_with(list_magic) &&
          (bytes.size() - list_magic.size()) % sizeof(Fingerprint) == sizeof(std::uint64_t));
  bytes.remove_prefix(list_magic.size());
  detail::Reader stored(bytes.substr(bytes.size() - sizeof(std::uint64_t)));
  bytes.remove_suffix(sizeof(std::uint64_t));
  list.fingerprints_ = bytes;
  std::uint64_t checksum = base::hash64(list_magic);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), block_size)))
    checksum = base::hash64(bytes.substr(0, block_size), checksum);
  require(checksum == stored.number<std::uint64_t>());
  return list;
}

Fingerprint List::operator[](std::uint64_t index) const {
  detail::Reader in(fingerprints_.substr(index * sizeof(Fingerprint)));
  return detail::Codec<Fingerprint>::decode(in);
}

}  // namespace tasker::store
