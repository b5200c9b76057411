#include "tool/commands.hpp"

#include <tasker/error.hpp>

#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <iostream>

std::vector<std::string> tasker::tool::words_behind(const CLI::App& subcommand) {
  std::vector<std::string> words = subcommand.remaining();
  // CLI11 gives the words behind a `--` to the main command.
  for (const std::string& word : subcommand.get_parent()->remaining()) words.push_back(word);
  return words;
}

namespace {

int run(int argc, char** argv) {
  CLI::App app("Runs programs that use Tasker, and looks after what they leave.");
  app.name("tasker");
  app.set_version_flag("--version", "tasker " TASKER_VERSION);
  app.require_subcommand(1);
  app.prefix_command();
  app.footer(
      "Exit codes: 0 done, 1 tasks failed, 2 wrong usage, 74 disk or system failure, 75 stopped early: run "
      "the same command again.");
  int exit_code = tasker::exit_done;
  tasker::tool::add_launch(app, exit_code);
  tasker::tool::add_submit(app, exit_code);
  tasker::tool::add_invite(app, exit_code);
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? int{tasker::exit_done} : int{tasker::exit_usage};
  }
}

}  // namespace

/// The `tasker` command: one file for every subcommand.
int main(int argc, char** argv) {
  // If the parent process ignores SIGCHLD, so does this one, and could not wait for what it starts.
  std::signal(SIGCHLD, SIG_DFL);
  try {
    return run(argc, argv);
  } catch (const tasker::Error& error) {
    std::cerr << "tasker: " << error.what() << '\n';
    return error.exit_code();
  } catch (const std::exception& error) {
    // No task of this process can have failed: there is no memory, or a file that can't be reached.
    std::cerr << "tasker: " << error.what() << '\n';
    return tasker::exit_system;
  }
}
