#include "runtime/workspace.hpp"

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/process.hpp"
#include "execute/failure.hpp"
#include "store/fold.hpp"
#include "store/list.hpp"
#include "store/merge.hpp"
#include "store/snapshot.hpp"
#include "store/state.hpp"

#include <tasker/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace tasker::runtime {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// The longest that rank 0, when it leaves, waits for ranks in the middle of a task.
constexpr auto leaving = 6s;
/// More journals of ended runs than this are folded into one.
constexpr std::size_t journals_kept = 32;

/// Whether a loss of power might lose some of these journals: their run may not have synced them. Folds are
/// always synced.
bool may_be_unsynced(const std::vector<store::JournalName>& journals) {
  return std::ranges::any_of(journals,
                             [](const auto& name) { return name.rank != store::JournalName::fold; });
}

/// To be called when another run holds the directory. That run may have seen this run's fence when it wanted
/// to remove the directory, or to have it: the last one removes it. If it stays, the next run does.
void remove_if_empty(const fs::path& directory) { ::rmdir(directory.c_str()); }

/// The archive, or null. Throws MismatchError if it holds other types.
std::shared_ptr<const store::Archive> open_archive(const detail::MapCall& call) {
  auto archive = store::Archive::open(call.path);
  if (archive)
    store::require_types(call.path, archive->description().manifest, call.argument_type, call.result_type);
  return archive;
}

}  // namespace

void Before::note_left(const std::string& digest, const fs::path& archive, std::uint64_t left) const {
  // Another map of the program may have the same digest, but not the same path.
  history.add(digest + "-" + base::to_hex(base::hash64(archive.native())) + " " + std::to_string(left));
}

Workspace::Workspace(const detail::MapCall& call, Arguments& arguments, store::Holder self,
                     const Before& before)
    : call_(call),
      arguments_(arguments),
      fingerprint_(call),
      directory_(store::directory_of(call.path)),
      archive_(open_archive(call)),
      self_(std::move(self)),
      before_(before),
      build_(base::build_id()) {
  base::refuse_link(directory_);
  base::from_hex(self_.run, run_id_);
  runs_.insert(run_id_);
  // Another run may remove the directory meanwhile.
  if (const fs::file_type type = base::type_of(directory_); type != fs::file_type::not_found) {
    if (type != fs::file_type::directory)
      throw MismatchError(directory_.string() + " is not a directory; choose another file name");
    if (const auto manifest = store::recover_manifest(directory_))
      store::require_types(directory_, *manifest, call.argument_type, call.result_type);
  }
}

Workspace::~Workspace() {
  if (hold_ && ranks_write_) hold_->leave_ghosts(std::max<std::chrono::milliseconds>(self_.ghosts, leaving));
  std::error_code ignored;
  if (!scratch_.empty()) fs::remove_all(scratch_, ignored);
}

std::string Workspace::digest() const { return base::to_hex(fingerprint_.digest()); }

std::shared_ptr<const store::Archive> Workspace::finished() {
  if (!archive_ || archive_->size() != call_.count || archive_->description().failed > 0) return nullptr;
  std::uint64_t index = 0;
  try {
    arguments_.each_run([&](std::string_view arguments, std::uint64_t count) {
      if (!archive_->is_of(index, arguments, count, fingerprint_)) return false;
      index += count;
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
    return nullptr;  // `open` reuses what is whole
  }
  return archive_;
}

void Workspace::tidy() {
  if (call_.options.keep_directory || !base::file_exists(directory_)) return;
  try {
    store::Hold hold(directory_, self_);
    base::sync_directory(call_.path.parent_path());  // the killed run may have had no time for that
    store::Ghosts(directory_).forget(hold.fence());  // whatever they write is in the archive
    if (!store::remove_merged(hold.fence(), archive_->description().merged)) return;
    hold.fence().remove(store::key_path(directory_));
    hold.end_directory();
  } catch (const Interrupted&) {
    // Another run works in the directory on another list, or is about to remove it.
    remove_if_empty(directory_);
  } catch (const SystemError&) {
    // The archive is there: what can't be removed is no reason to fail.
  }
}

void Workspace::open(const store::Hold::Prepare& prepare) {
  take_directory(prepare);
  const store::Fence& fence = hold_->fence();
  const store::Names names(directory_);
  ghosts_.emplace(names);
  ghosts_->welcome(self_.run);
  archive_ = open_archive(call_);  // another run may have finished it meanwhile
  fence.remove_leftovers(names);
  store::remove_folded(fence, store::list_journals(names));
  if (archive_) damaged_results_ = store::import_archive(fence, *archive_);
  auto journals = store::list_journals(directory_);
  if (!journals.empty()) sequence_ = journals.back().sequence + 1;
  if (sequence_ == 0)
    throw MismatchError(directory_.string() + " holds a journal with the highest number there is, " +
                        journals.back().to_string() + "; move it away");
  auto complete = journals;
  std::erase_if(complete, [&](const auto& name) { return ghosts_->may_write(name); });
  if (complete.size() > journals_kept ||
      (call_.options.durability == Durability::power && may_be_unsynced(complete))) {
    damaged_bytes_ = store::fold_journals(fence, complete);
    journals = store::list_journals(directory_);
  }
  catalog_ = std::make_unique<store::Catalog>(fence.path(), call_.count);
  read_records(directory_, journals);
  match_arguments();
  if (!catalog_->empty()) settle_failures();
  find_states(names);
  if (!missing_.empty()) before_.note_left(digest(), call_.path, missing_.size());
  write_list();
  store::write_manifest(fence, manifest());
}

void Workspace::take_directory(const store::Hold::Prepare& prepare) {
  for (;;) {
    if (!base::create_directory(directory_, call_.options.shared ? 0777 : 0700))
      base::refuse_link(directory_);
    try {
      hold_ = std::make_unique<store::Hold>(directory_, self_, prepare, before_.frozen);
      return;
    } catch (const Interrupted&) {
      remove_if_empty(directory_);
      throw;
    } catch (const SystemError&) {
      // Another run may have removed the directory since it was created.
      if (base::file_exists(directory_)) throw;
    }
  }
}

void Workspace::examine() {
  std::string scratch = fs::temp_directory_path() / "tasker.XXXXXX";
  if (!::mkdtemp(scratch.data())) base::throw_errno("create", scratch);
  scratch_ = scratch;
  catalog_ = std::make_unique<store::Catalog>(scratch_, call_.count);
  if (archive_) {
    damaged_results_ = store::import_archive(store::Fence(scratch_, self_.run), *archive_);
    read_records(scratch_, store::list_journals(scratch_));
  }
  const store::Names names(directory_);
  read_records(directory_, store::list_journals(names));
  match_arguments();
  find_states(names);
}

void Workspace::read_records(const fs::path& directory, const std::vector<store::JournalName>& journals) {
  for (const store::JournalName& name : journals) catalog_->add(directory, name);
  catalog_->settle();
}

void Workspace::match_arguments() {
  store::Matcher matcher(*catalog_, build_);
  if (!catalog_->empty())
    arguments_.each_run([&](std::string_view arguments, std::uint64_t count) {
      matcher.next(arguments, count, fingerprint_);
      return true;
    });
  match_ = matcher.finish([&](base::Range range) { missing_.insert(range); });
  tried_.emplace(catalog_->scratch());
  for (const store::Entry& entry : catalog_->slots())
    if (!entry.done()) tried_->push_back(entry);
}

/// Whether a task that has failed in a run of that origin is not tried again: a job that comes back does not
/// repeat what failed in it before, nor does a run that takes the lead.
bool Workspace::is_settled(const store::Origin* origin) const {
  return origin && ((before_.was_requeued && origin->job == self_.job) ||
                    (before_.joined && origin->sequence >= *before_.joined));
}

void Workspace::settle_failures() {
  if (!before_.was_requeued && !before_.joined) return;
  for (const base::Range& range : missing_.ranges())
    for (std::uint64_t index = range.first; index < range.last; ++index) {
      const store::Entry entry = catalog_->slot(index);
      if (entry.outcome == store::Outcome::none || entry.outcome == store::Outcome::interrupted ||
          (entry.outcome != store::Outcome::permanent && entry.attempt <= call_.options.retries))
        continue;
      if (!is_settled(catalog_->origin(entry))) continue;
      const store::Record record = catalog_->record(entry);
      settled_.add_failure(execute::failure_of(index, record.payload, record.output));
      missing_.erase({index, index + 1});
    }
}

void Workspace::settle(std::uint64_t index, const std::string& why) {
  settled_.add_failure(execute::failure_of(index, why));
  missing_.erase({index, index + 1});
}

/// Readers of the directory trust the list, so it must be written before the manifest changes.
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

bool Workspace::any_attempts() const { return !tried_->empty(); }

std::uint32_t Workspace::attempt_of(std::uint64_t index) const {
  return store::find(*tried_, index).attempt + 1;
}

bool Workspace::is_wanted(const store::StateName& name) const {
  if (!missing_.contains(name.index)) return false;
  arguments_.make(name.index + 1);
  return fingerprint_(arguments_[name.index]) == name.fingerprint;
}

/// Removes states from which no task will go on, but not in a dry run.
void Workspace::find_states(const store::Names& names) {
  for (const store::StateName& name : store::list_states(names))
    if (is_wanted(name))
      resumed_.insert({name.index, name.index + 1});
    else if (hold_)
      hold_->fence().remove(directory_ / name.to_string());
}

std::vector<std::string> Workspace::listen(
    const std::function<std::vector<std::string>(const store::Fence& fence)>& listen) {
  auto addresses = listen(hold_->fence());
  hold_->set_addresses(addresses);
  return addresses;
}

void Workspace::add_run(const store::Holder& run) {
  std::uint64_t id = 0;
  if (base::from_hex(run.run, id)) runs_.insert(id);
  ghosts_->welcome(run.run);
  hold_->note_joined(run);
}

void Workspace::remove_run(const std::string& run) {
  hold_->fence().remove(store::joined_path(directory_, run));
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
  for (const std::uint64_t run : runs_) remove_run(base::to_hex(run));
  // What has been recorded for this run comes first: the same of others is no stray then.
  std::vector<store::JournalName> own;
  std::vector<store::JournalName> others;
  for (const store::JournalName& name : store::list_journals(directory_))
    (runs_.contains(name.id) ? own : others).push_back(name);
  for (const store::JournalName& name : own) catalog_->add_rest(directory_, name);
  catalog_->settle();
  for (const store::JournalName& name : others) catalog_->add_late(directory_, name);
  if (const auto missing = catalog_->first_missing(); missing && !holes)
    throw SystemError(directory_.string() + ": the record of task " + std::to_string(*missing) +
                      " was written but can't be found; run the same command again");
  const store::Description description =
      store::merge(*catalog_, fence, call_.path, manifest(), call_.options.keep_arguments,
                   archive_ ? std::optional(archive_->description().id) : std::nullopt);
  catalog_.reset();
  auto archive = written(description.id);
  if (!call_.options.keep_directory && store::remove_merged(fence, description.merged)) {
    fence.remove(store::key_path(directory_));
    hold_->end_directory();
  }
  hold_.reset();
  return archive;
}

/// Opens the archive that this run has just written. Another run may have taken over and replaced it since.
std::shared_ptr<const store::Archive> Workspace::written(std::uint64_t id) const {
  auto archive = store::Archive::open(call_.path);
  if (archive && archive->description().id == id) return archive;
  require_hold();
  throw Interrupted(call_.path.string() +
                    " was replaced or removed right after it was written; run the same command again");
}

}  // namespace tasker::runtime
