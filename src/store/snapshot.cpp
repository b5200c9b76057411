#include "store/snapshot.hpp"

#include "base/file.hpp"
#include "store/match.hpp"

#include <tasker/error.hpp>

namespace tasker::store {

namespace fs = std::filesystem;

std::optional<Manifest> recover_manifest(const fs::path& directory) {
  if (auto manifest = read_manifest(directory)) return manifest;
  const Names names(directory);
  const auto journals = list_journals(names);
  for (auto name = journals.rbegin(); name != journals.rend(); ++name)
    if (const JournalReader journal(directory, *name); journal.header()) return journal.header()->manifest;
  if (!journals.empty() || !list_states(names).empty() || has_manifest(directory) ||
      !list_fences(names).empty() || holds_nothing(names))
    return std::nullopt;
  throw MismatchError(directory.string() +
                      " is not a directory of Tasker and stays as it is; check the path");
}

namespace {

/// What a live run may change while the directory is read: it folds journals and replaces the list.
auto look(const fs::path& directory) {
  return std::pair(list_journals(directory), base::file_exists(list_path(directory)));
}

}  // namespace

Snapshot::Snapshot(fs::path directory) : directory_(std::move(directory)) {
  for (;;) {
    const auto before = look(directory_);
    try {
      read(before.first);
      if (look(directory_) == before) return;
    } catch (const Error&) {
      if (look(directory_) == before) throw;
    }
  }
}

void Snapshot::read(const std::vector<JournalName>& journals) {
  const auto manifest = recover_manifest(directory_);
  if (!manifest) throw MismatchError(directory_.string() + " holds no results yet");
  manifest_ = *manifest;
  const auto list = List::read(directory_);
  if (list) manifest_.tasks = list->size();
  std::error_code error;
  const fs::path scratch = fs::temp_directory_path(error);
  catalog_ = std::make_unique<Catalog>(error ? "/tmp" : scratch, manifest_.tasks);
  for (const JournalName& name : journals) catalog_->add(directory_, name);
  catalog_->settle();
  if (list) match(*list);
}

/// Finds the tasks of the current list among records of earlier lists, as the run that wrote the list did.
void Snapshot::match(const List& list) {
  Matcher matcher(*catalog_, {});
  for (std::uint64_t index = 0; index < list.size(); ++index) matcher.next(list[index]);
  matcher.finish([](base::Range) {});
}

std::optional<std::string_view> Snapshot::result(std::uint64_t index) const {
  const Entry slot = catalog_->slot(index);
  if (!slot.done()) return std::nullopt;
  return catalog_->record(slot).payload;
}

std::optional<std::string_view> Snapshot::failure(std::uint64_t index) const {
  const Entry slot = catalog_->slot(index);
  if (slot.outcome == Outcome::none || slot.done()) return std::nullopt;
  return catalog_->record(slot).payload;
}

std::optional<std::string_view> Snapshot::argument(std::uint64_t index) const {
  const Record record = catalog_->record(catalog_->slot(index));
  return record.argument.empty() ? std::nullopt : std::optional(record.argument);
}

std::optional<Info> Snapshot::info(std::uint64_t index) const {
  const Entry slot = catalog_->slot(index);
  if (slot.outcome == Outcome::none) return std::nullopt;
  const Origin* const origin = catalog_->origin(slot);
  return to_info(catalog_->frame(slot).info(), slot.attempt, origin ? *origin : Origin{});
}

std::optional<Output> Snapshot::output(std::uint64_t index) const {
  const std::string_view bytes = catalog_->record(catalog_->slot(index)).output;
  if (bytes.empty()) return std::nullopt;
  auto output = decode_output(bytes);
  if (!output)
    throw DamagedError(directory_.string() + ": the output of task " + std::to_string(index) +
                       " makes no sense");
  return output;
}

}  // namespace tasker::store
