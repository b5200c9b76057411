#include "execute/sees_directory.hpp"

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "store/paths.hpp"

#include <fcntl.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <thread>

namespace tasker::execute {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// NFS, SMB (three of them), FUSE, Lustre, GPFS, Ceph, BeeGFS, AFS, 9P, OrangeFS.
constexpr std::array<std::uint32_t, 12> shared_by_hosts = {0x6969,     0x517B,     0xFF534D42, 0xFE534D42,
                                                           0x65735546, 0x0BD00BD0, 0x47504653, 0x00C36400,
                                                           0x19830326, 0x5346414F, 0x01021997, 0x20030528};
/// Network file systems may remember for a while that something was not there. The list above can't be
/// complete, so the others get some time, too.
constexpr auto longest_memory = 5s;
constexpr auto usual_memory = 500ms;
constexpr auto between_looks = 20ms;

/// Opens the directory, which makes a network file system ask its server for what is new there.
void ask_server(const fs::path& directory) {
  const base::Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool is_of_network(std::uint32_t type) {
  return std::ranges::find(shared_by_hosts, type) != shared_by_hosts.end();
}

std::uint32_t type_at(const fs::path& path) {
  struct statfs status {};
  (void)::statfs(path.c_str(), &status);
  return static_cast<std::uint32_t>(status.f_type);
}

}  // namespace

std::chrono::milliseconds unseen_for(std::uint32_t type) {
  return is_of_network(type) ? longest_memory : usual_memory;
}

bool may_be_shared(const fs::path& path) { return is_of_network(type_at(path)); }

bool sees_directory(const fs::path& directory, const std::string& run) {
  return sees_directory(directory, run, unseen_for(type_at(directory.parent_path())));
}

bool sees_directory(const fs::path& directory, const std::string& run, std::chrono::milliseconds patience) {
  const auto end = base::Clock::now() + patience;
  for (;;) {
    ask_server(directory.parent_path());
    ask_server(directory);
    std::error_code ignored;
    if (fs::exists(store::fence_path(directory, run), ignored)) return true;
    if (base::Clock::now() >= end) return false;
    std::this_thread::sleep_for(between_looks);
  }
}

}  // namespace tasker::execute
