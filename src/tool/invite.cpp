#include "base/file.hpp"
#include "store/key.hpp"
#include "store/ticket.hpp"
#include "talk/messages.hpp"
#include "tool/commands.hpp"
#include "tool/leader.hpp"

#include <tasker/error.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace tasker::tool {

namespace {

/// Asks the leader to listen for runs on other hosts; one on another host does so already, or can't be asked.
std::vector<std::string> invite(const std::filesystem::path& directory, const store::Holder& leader) {
  if (base::life_of(leader.process) == base::Life::unknown && !leader.addresses.empty())
    return leader.addresses;
  const auto answer = ask_leader(directory, leader, talk::pack(talk::Invite{}));
  if (!answer)
    throw SystemError(
        fmt::format("the run in {} (process {} on host {}) can't be asked; run this where that run "
                    "is, or start the run with TASKER_INVITE=ticket",
                    directory.string(), leader.process.pid, leader.process.host));
  const auto invited = talk::unpack<talk::Invited>(*answer);
  if (!invited.why.empty()) throw SystemError("the run can't listen for other hosts: " + invited.why);
  return invited.addresses;
}

/// A shell has made the file for everybody.
void keep_secret() {
  struct stat status {};
  if (::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode)) (void)::fchmod(STDOUT_FILENO, 0600);
}

int run(const std::string& name) {
  const std::filesystem::path directory = directory_named(name);
  const auto seen = holder_of(directory);
  if (!seen)
    throw Interrupted(
        directory.string() +
        ": no run is at work there; start one, with TASKER_INVITE=ticket if you like, or try again");
  const auto addresses = invite(directory, seen->holder);
  const auto key = store::read_key(directory);
  if (!key) throw SystemError(store::key_path(directory).string() + " is gone or damaged; try again");
  keep_secret();
  std::cout << store::to_text({seen->holder.process.host, addresses, *key}) << std::flush;
  const std::string& first = addresses.front();
  std::cerr << "tasker: on another machine, with this ticket: TASKER_JOIN=ticket ./myjob\n"
            << fmt::format(
                   "tasker: if that machine reaches this one by ssh only, first: ssh -N -L {}:{} {}\n",
                   first.substr(first.rfind(':') + 1), first, seen->holder.process.host);
  return exit_done;
}

}  // namespace

void add_invite(CLI::App& app, int& exit_code) {
  CLI::App* const command = app.add_subcommand("invite",
                                               "Prints a ticket for the run that is at work on a map. With "
                                               "it a run on another machine joins that does "
                                               "not see the directory. Who has the ticket can send results, "
                                               "so keep it secret; it serves as long as the "
                                               "directory lives.");
  const auto name = std::make_shared<std::string>();
  command->add_option("directory", *name, "the directory, such as results.dat.mpi, or its archive")
      ->required();
  command->footer("Example: tasker invite results.dat.mpi > ticket");
  command->callback([name, &exit_code] { exit_code = run(*name); });
}

}  // namespace tasker::tool
