#include "store/list.hpp"

#include "base/hash.hpp"
#include "store/format.hpp"
#include "store/paths.hpp"

#include <tasker/detail/bytes.hpp>
#include <tasker/error.hpp>

#include <algorithm>
#include <string_view>

namespace tasker::store {

using detail::put;

namespace {
/// In the fence.
constexpr const char* list_name = "list.bin";
}  // namespace

// The magic, 16 bytes for each task, and the checksum of it all, which is made block by block.
ListWriter::ListWriter(const Fence& fence)
    : fence_(fence),
      file_(base::File::create_new(fence.unfinished(list_name))),
      checksum_(base::hash64(list_magic)) {
  file_.write({list_magic});
}

void ListWriter::append(const Fingerprint& fingerprint) {
  put(block_, fingerprint.low);
  put(block_, fingerprint.high);
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
  put(block_, checksum_);
  file_.write({block_});
  file_.sync();
  file_.close();
  fence_.publish(list_name, list_path(fence_.directory()));
}

std::optional<List> List::read(const std::filesystem::path& directory) {
  const auto path = list_path(directory);
  if (!base::file_exists(path)) return std::nullopt;
  List list{base::Mapping(path)};
  std::string_view bytes = list.mapping_.bytes();
  // Without it, records of earlier lists would be taken for results of this one.
  const auto require = [&](bool whole) {
    if (!whole)
      throw DamagedError(path.string() + " is damaged; start the program again, which writes it anew");
  };
  require(bytes.starts_with(list_magic) &&
          (bytes.size() - list_magic.size()) % sizeof(Fingerprint) == sizeof(std::uint64_t));
  bytes.remove_prefix(list_magic.size());
  detail::Reader stored(bytes.substr(bytes.size() - sizeof(std::uint64_t)));
  bytes.remove_suffix(sizeof(std::uint64_t));
  std::uint64_t checksum = base::hash64(list_magic);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), block_size)))
    checksum = base::hash64(bytes.substr(0, block_size), checksum);
  require(checksum == stored.number<std::uint64_t>());
  return list;
}

std::uint64_t List::size() const {
  return (mapping_.bytes().size() - list_magic.size() - sizeof(std::uint64_t)) / sizeof(Fingerprint);
}

Fingerprint List::operator[](std::uint64_t index) const {
  detail::Reader in(mapping_.bytes().substr(list_magic.size() + index * sizeof(Fingerprint)));
  const auto low = in.number<std::uint64_t>();
  return {low, in.number<std::uint64_t>()};
}

}  // namespace tasker::store
