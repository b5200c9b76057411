#include "runtime/workspace.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/names.hpp"
#include "base/process.hpp"
#include "cluster/history.hpp"
#include "cluster/launcher.hpp"
#include "execute/run_chunk.hpp"
#include "store/fold.hpp"
#include "store/list.hpp"
#include "store/merge.hpp"
#include "store/snapshot.hpp"
#include "store/state.hpp"

#include <tasker/error.hpp>

#include <algorithm>
#include <cstdlib>

namespace tasker::runtime {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// So long ranks may be in the middle of a task when rank 0 leaves, which waits for them no longer than that.
constexpr auto leaving = 6s;
/// More journals of ended runs than this are folded into one.
constexpr std::size_t journals_kept = 32;

/// Whether some of them may be with the operating system only, which does not tell: a run without
/// Durability::power wrote them, or one whose sync failed. All that has been folded is on the medium.
bool unsure(const std::vector<store::JournalName>& journals) {
  return std::ranges::any_of(journals,
                             [](const auto& name) { return name.rank != store::JournalName::fold; });
}

/// The archive if there is one. Throws MismatchError if it is of other types.
std::shared_ptr<const store::Archive> open_archive(const detail::MapCall& call) {
  auto archive = store::Archive::open(call.path);
  if (archive)
    store::require_types(call.path, archive->description().manifest, call.argument_type, call.result_type);
  return archive;
}

/// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = fs::temp_directory_path() / "tasker.XXXXXX";
    if (!::mkdtemp(name.data())) base::throw_errno("create", name);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

Workspace::Workspace(const detail::MapCall& call, Arguments& arguments, std::chrono::milliseconds ghosts)
    : call_(call),
      arguments_(arguments),
      fingerprint_(call),
      directory_(store::directory_of(call.path)),
      archive_(open_archive(call)),
      ghosts_of_mine_(ghosts),
      job_(cluster::slurm_job()),
      run_id_(base::random_id()),
      build_(base::build_id()) {
  run_ = base::to_hex(run_id_);
  base::refuse_link(directory_);
  // Another run may remove it meanwhile.
  if (const fs::file_type type = base::type_of(directory_); type != fs::file_type::not_found) {
    if (type != fs::file_type::directory)
      throw MismatchError(directory_.string() + " is not a directory; choose another file name");
    if (const auto manifest = store::recover_manifest(directory_))
      store::require_types(directory_, *manifest, call.argument_type, call.result_type);
  }
}

Workspace::~Workspace() {
  if (hold_ && ranks_write_)
    hold_->leave_ghosts(std::max<std::chrono::milliseconds>(ghosts_of_mine_, leaving));
}

std::string Workspace::digest() const { return base::to_hex(fingerprint_.digest()); }

std::shared_ptr<const store::Archive> Workspace::finished() {
  if (!archive_ || archive_->size() != call_.count || archive_->description().failed > 0) return nullptr;
  std::uint64_t index = 0;
  try {
    arguments_.each([&](std::string_view argument) {
      if (archive_->fingerprint(index) != fingerprint_(argument)) return false;
      ++index;
      return true;
    });
    if (index < call_.count) return nullptr;
    match_.reused = call_.count;
    match_.carried = archive_->description().carried;
    const auto& origins = archive_->description().origins;
    for (std::uint64_t i = 0; i < archive_->extent_count(); ++i) {
      const store::Extent extent = archive_->extent(i);
      if (extent.info.origin < origins.size() && origins[extent.info.origin].build != build_)
        match_.other_build += extent.count;
    }
  } catch (const DamagedError&) {
    return nullptr;  // what is whole of it is reused
  }
  return archive_;
}

void Workspace::tidy() {
  if (call_.options.keep_directory || !base::file_exists(directory_)) return;
  try {
    store::Hold hold(directory_, self());
    base::sync_directory(call_.path.parent_path());  // the killed run may not have come to that
    store::Ghosts(directory_).forget(hold.fence());  // what they compute is there
    if (store::remove_merged(hold.fence(), archive_->description().merged)) hold.end_directory();
  } catch (const Interrupted&) {
    // Another run works in it, on another list.
  } catch (const SystemError&) {
    // The archive is there: what can't be removed is no reason to fail.
  }
}

void Workspace::open() {
  take_directory();
  const store::Fence& fence = hold_->fence();
  ghosts_.emplace(directory_);
  archive_ = open_archive(call_);  // another run may have finished it meanwhile
  fence.remove_leftovers();
  store::remove_folded(fence);
  if (archive_) damaged_results_ = store::import_archive(fence, *archive_);
  auto journals = store::list_journals(directory_);
  if (!journals.empty()) sequence_ = journals.back().sequence + 1;
  if (sequence_ == 0)
    throw MismatchError(directory_.string() + " holds a journal with the highest number there is, " +
                        journals.back().to_string() + "; move it away");
  std::erase_if(journals, [&](const auto& name) { return ghosts_->may_write(name.id); });
  if (journals.size() > journals_kept || (call_.options.durability == Durability::power && unsure(journals)))
    damaged_bytes_ = store::fold_journals(fence, journals);
  catalog_ = std::make_unique<store::Catalog>(fence.path(), call_.count);
  read_records(directory_);
  match_arguments();
  if (cluster::was_requeued() && !catalog_->empty()) settle_failures();
  find_states();
  // Of this map: another one of the program may have the same digest.
  if (!missing_.empty())
    cluster::add_history(digest() + "-" + base::to_hex(base::hash64(call_.path.native())) + " " +
                         std::to_string(missing_.size()));
  write_list();
  store::write_manifest(fence, manifest());
}

store::Holder Workspace::self() const { return {run_, job_, base::this_process(), ghosts_of_mine_}; }

void Workspace::take_directory() {
  for (;;) {
    if (!base::create_directory(directory_, call_.options.shared ? 0777 : 0700))
      base::refuse_link(directory_);
    try {
      hold_ = std::make_unique<store::Hold>(directory_, self());
      return;
    } catch (const Interrupted&) {
      cluster::add_history(cluster::held);
      remove_if_empty();
      throw;
    } catch (const SystemError&) {
      // Between the two steps another run may have ended, and removed it.
      if (base::file_exists(directory_)) throw;
    }
  }
}

/// This run has seen the other one's fence, and that one perhaps this run's: who is last removes it.
void Workspace::remove_if_empty() const {
  try {
    base::remove_directory(directory_);
  } catch (const SystemError&) {
    // The next run removes it.
  }
}

void Workspace::examine() {
  const auto temporary = std::make_shared<const TemporaryDirectory>();
  scratch_ = temporary;
  catalog_ = std::make_unique<store::Catalog>(temporary->path(), call_.count);
  if (archive_) {
    damaged_results_ = store::import_archive(store::Fence(temporary->path(), run_), *archive_);
    read_records(temporary->path());
  }
  read_records(directory_);
  match_arguments();
  find_states();
}

void Workspace::read_records(const fs::path& directory) {
  for (const store::JournalName& name : store::list_journals(directory)) catalog_->add(directory, name);
}

void Workspace::match_arguments() {
  store::Matcher matcher(*catalog_, catalog_->scratch(), build_);
  if (!catalog_->empty())
    arguments_.each([&](std::string_view argument) {
      matcher.next(fingerprint_(argument));
      return true;
    });
  match_ = matcher.finish([&](base::Range range) { missing_.insert(range); });
}

/// What failed in this job failed for good.
void Workspace::settle_failures() {
  for (const base::Range& range : missing_.ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index) {
      const store::Entry& entry = catalog_->slot(index);
      if (entry.outcome == store::Outcome::none || entry.outcome == store::Outcome::interrupted ||
          entry.attempt <= call_.options.retries)
        continue;
      const store::Origin* const origin = catalog_->origin(entry);
      if (!origin || origin->job != job_) continue;
      const store::Record record = catalog_->record(entry);
      settled_.add_failure(execute::failure_of(index, record.payload, record.output));
      missing_.erase({index, index + 1});
    }
}

void Workspace::settle(std::uint64_t index, const std::string& why) {
  settled_.add_failure(execute::failure_of(index, why));
  missing_.erase({index, index + 1});
}

/// Readers of the directory take the list for the truth, so it is there before the manifest changes.
void Workspace::write_list() const {
  if (match_.moved + match_.carried == 0) {
    hold_->fence().remove(store::list_path(directory_));
    return;
  }
  store::ListWriter list(hold_->fence());
  arguments_.each([&](std::string_view argument) {
    list.append(fingerprint_(argument));
    return true;
  });
  list.publish();
}

std::uint32_t Workspace::attempt_of(std::uint64_t index) const {
  return catalog_->empty() ? 1 : catalog_->slot(index).attempt + 1;
}

bool Workspace::is_wanted(const store::StateName& name) const {
  if (!missing_.contains(name.index)) return false;
  arguments_.make(name.index + 1);
  return fingerprint_(arguments_[name.index]) == name.fingerprint;
}

/// What nobody will go on from is removed, but not by a dry run.
void Workspace::find_states() {
  for (const store::StateName& name : store::list_states(directory_))
    if (is_wanted(name))
      resumed_.insert({name.index, name.index + 1});
    else if (hold_)
      hold_->fence().remove(directory_ / name.to_string());
}

store::Manifest Workspace::manifest() const {
  return {call_.count, call_.argument_type,   call_.result_type, call_.options.columns,
          digest(),    store::boost_version()};
}

void Workspace::check_hold() const {
  if (hold_->lost()) require_hold();
}

void Workspace::require_hold() const {
  if (hold_) hold_->fence().require();
}

std::shared_ptr<const store::Archive> Workspace::finish(bool holes) {
  const store::Fence& fence = hold_->fence();
  ghosts_->forget(fence);
  for (const store::JournalName& name : store::list_journals(directory_))
    if (name.id == run_id_)
      catalog_->add(directory_, name);
    else
      catalog_->add_late(directory_, name);
  catalog_->make_slots();
  if (!holes)
    for (std::uint64_t i = 0; i < call_.count; ++i)
      if (!catalog_->slot(i).done())
        throw SystemError(directory_.string() + ": the record of task " + std::to_string(i) +
                          " was written but can't be found; run the same command again");
  const store::Description description =
      store::merge(*catalog_, fence, call_.path, manifest(), call_.options.keep_arguments,
                   archive_ ? std::optional(archive_->description().id) : std::nullopt);
  catalog_.reset();
  auto archive = written(description.id);
  if (!call_.options.keep_directory && store::remove_merged(fence, description.merged))
    hold_->end_directory();
  hold_.reset();
  return archive;
}

/// The archive with this id, which has just been written: another run may have taken over since, and replaced
/// it, with all results in it.
std::shared_ptr<const store::Archive> Workspace::written(std::uint64_t id) const {
  auto archive = store::Archive::open(call_.path);
  if (archive && archive->description().id == id) return archive;
  require_hold();
  throw Interrupted(call_.path.string() +
                    " was replaced or removed right after it was written; run the same command again");
}

}  // namespace tasker::runtime
