#include "execute/talker.hpp"
#include "execute/worker.hpp"
#include "runtime/map.hpp"
#include "store/archive.hpp"

#include <mutex>
#include <utility>

namespace tasker::runtime {

namespace {

/// The archive that rank 0 wrote. It is opened when it is first read, since this rank may not see it and may
/// never read it.
class LazyArchive final : public detail::ResultSource {
 public:
  LazyArchive(std::filesystem::path path, std::uint64_t id, std::uint64_t tasks)
      : path_(std::move(path)), id_(id), tasks_(tasks) {}

  std::uint64_t size() const override { return tasks_; }
  const std::filesystem::path& path() const override { return path_; }
  std::optional<std::string_view> result(std::uint64_t index) const override {
    return archive().result(index);
  }
  std::optional<std::string_view> failure(std::uint64_t index) const override {
    return archive().failure(index);
  }
  std::optional<std::string_view> argument(std::uint64_t index) const override {
    return archive().argument(index);
  }
  std::string result_type() const override { return archive().result_type(); }
  std::string argument_type() const override { return archive().argument_type(); }
  std::optional<Info> info(std::uint64_t index) const override { return archive().info(index); }
  std::optional<Output> output(std::uint64_t index) const override { return archive().output(index); }

 private:
  const store::Archive& archive() const {
    std::call_once(opened_, [this] {
      archive_ = store::Archive::open(path_);
      if (!archive_)
        throw SystemError(
            "this rank can't see " + path_.string() +
            ", which rank 0 wrote; put it on a file system that all hosts share, or read results on "
            "rank 0 only");
      if (archive_->description().id != id_ || archive_->size() != tasks_)
        throw SystemError(path_.string() +
                          " is not the archive that rank 0 wrote in this map; was it replaced?");
    });
    return *archive_;
  }

  std::filesystem::path path_;
  std::uint64_t id_;
  std::uint64_t tasks_;
  mutable std::once_flag opened_;
  mutable std::shared_ptr<const store::Archive> archive_;
};

}  // namespace

std::shared_ptr<const detail::ResultSource> map_on_worker(talk::Comm& comm, base::KeptThread& thread,
                                                          execute::Desk& desk, const detail::MapCall& call,
                                                          std::uint64_t sequence) {
  talk::End end;
  desk.post(talk::pack(talk::Enter{sequence, call.path.string(), call.argument_type, call.result_type}));
  thread.begin([&] { end = execute::Talker(comm, desk).until_end(); });
  execute::take_part(desk, call, [] { return false; });
  thread.wait();
  if (end.thrown) std::rethrow_exception(talk::to_exception(end.thrown));
  return std::make_shared<const LazyArchive>(end.path, end.archive, end.tasks);
}

}  // namespace tasker::runtime
