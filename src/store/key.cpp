#include "store/key.hpp"

#include "base/file.hpp"

#include <tasker/error.hpp>

namespace tasker::store {

namespace {
constexpr std::size_t most_size = 1024;
constexpr mode_t for_owner_and_group = 0660;
}  // namespace

std::optional<talk::Key> read_key(const std::filesystem::path& directory) {
  const auto text = base::read_small_file(key_path(directory), most_size);
  return text ? talk::key_from_hex(std::string_view(*text).substr(0, text->find('\n'))) : std::nullopt;
}

talk::Key make_key(const Fence& fence) {
  if (const auto key = read_key(fence.directory())) return *key;
  const talk::Key key = talk::make_key();
  const std::filesystem::path path = key_path(fence.directory());
  const std::string name = path.filename().string();
  base::File file = base::File::create_new(fence.unfinished(name));
  base::set_mode(file.path(), base::mode_of(fence.directory()) & for_owner_and_group);
  file.write({talk::to_hex(key) + "\n"});
  file.close();
  fence.publish(name, path);
  return key;
}

}  // namespace tasker::store
