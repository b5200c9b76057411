/// A small program whose work is described by `name=value` arguments, so that tests can change anything about
/// it between two runs:
///
///   archive=FILE     path of the map                      arguments=FILE   its arguments, one a line
///   results=FILE     gets a line of JSON for every result
///   ledger=FILE      gets a line for every call of fn     pids=FILE        gets "rank pid" of every rank
///   failing=FILE     arguments that throw, one a line     sleep_us=N       how long a task lasts
///   failing_on=RANK  the only rank on which they do
///   states=FILE      each task saves a state; gets "saved" or "found" and its argument
///   says=yes         each task writes a line to stdout, and a program that it starts to stderr
///   bad=FILE         "how argument" a line: segv, hang, eat, exit, exit_75, quick_exit, int, permanent,
///   shout, program or run instead of a result;
///                    umask: it is changed;
///                    fork_exit, fork_throw, fork_return: a copy of the process ends so, then the result
///   command=TEXT     what "run" runs; if that does well, there is a result
///   programs=FILE    gets the process id of each such program, which sleeps
///   result=number|text|void|large    size=BYTES           asks=index|count|attempt
///   version=TEXT     inputs=FILE                          see tasker::Options
///   mode=map|load|twice|half|unthreaded|static|factors    what to do, see main()
///   ends=how         the program does that after the map, as in bad
///   forks=how        a copy of each rank's process does that after the map, as in bad
///   throws=RANK  early=RANK  other=RANK                   a rank that misbehaves
///   how=null|nested  what it throws: its what() is null; another one in it
///   dies=RANK        a rank that is killed before the map
///   dies_at_start=RANK  ends_at_start=RANK  exits=CODE    the same before there is a Tasker; all exit
///   throws_after=RANK                                     the same after the map
///   reads=RANK       a rank besides rank 0 that reads results
///   stays=RANK       a rank that is busy after the map until this file exists: wait_for
///   wait_for=FILE    a task "wait ..." ends when this file exists
///   files=N  scarce_on=RANK  no more than so many descriptors besides those that are open when MPI runs
///   destitute=RANK   a rank that may not even poll() any more when its map has ended, while the others stay
#include "settings.hpp"

#include <tasker/mpi.hpp>
#include <tasker/tasker.hpp>

#include <fcntl.h>
#include <mpi.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <thread>

namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

std::string setting(const std::string& name, const std::string& otherwise = {}) {
  const auto found = settings.find(name);
  return found == settings.end() ? otherwise : found->second;
}
int rank_setting(const std::string& name) { return std::stoi(setting(name, "-1")); }

Lines read_lines(const std::string& path) {
  Lines lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

int open_to_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
}
std::map<std::string, int> kept_open;

/// In one write(), so that what several processes append never mixes, and kill -9 loses nothing.
void append(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  const auto kept = kept_open.find(path);
  const int file = kept == kept_open.end() ? open_to_append(path) : kept->second;
  if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("cannot write " + path);
  if (kept == kept_open.end()) ::close(file);
}

std::uint64_t hash(const std::string& text) {
  std::uint64_t value = 14695981039346656037U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return value;
}

template <class R>
R result_for(const std::string& argument, std::uint64_t asked) {
  if constexpr (std::is_same_v<R, std::string>) {
    const std::size_t size =
        setting("result") == "large" ? std::stoull(setting("size", "131072")) : hash(argument) % 50;
    return argument + ":" + std::to_string(asked) + std::string(size, 'x');
  } else if constexpr (!std::is_void_v<R>) {
    return static_cast<double>(hash(argument) % 1000003) + static_cast<double>(asked) * 1e6;
  }
}

/// Returns in the copy, too, if that is how it ends.
void fork_a_copy(const std::string& how) {
  const pid_t copy = ::fork();
  if (copy == 0) {
    if (how == "fork_exit") std::exit(0);
    if (how == "fork_throw") throw std::runtime_error("there is no such solver");
    return;
  }
  int status = -1;
  ::waitpid(copy, &status, 0);
  if (!WIFEXITED(status) || (WEXITSTATUS(status) == 0) != (how == "fork_exit"))
    throw std::runtime_error("the copy ended with status " + std::to_string(status));
}

void misbehave(const std::string& how) {
  if (how.starts_with("fork")) fork_a_copy(how);
  if (how == "segv") std::raise(SIGSEGV);
  if (how == "exit") std::exit(0);
  if (how == "exit_75") std::exit(75);
  if (how == "quick_exit") std::quick_exit(0);
  if (how == "umask") ::umask(0777);
  if (how == "shout") throw std::runtime_error("the solver said: " + std::string(17 << 20, '.'));
  if (how == "int") throw 7;
  if (how == "permanent") throw tasker::Permanent("there is no such file");
  if (how == "program" &&
      std::system(("echo $$ >> " + setting("programs") + "; exec sleep 1000").c_str()) != 0)
    throw std::runtime_error("the program was killed");
  if (how == "run" && std::system(setting("command").c_str()) != 0)
    throw std::runtime_error("the command failed");
  // Untouched it counts as well, and takes no time.
  std::vector<std::unique_ptr<char[]>> eaten;
  while (how == "eat") eaten.push_back(std::make_unique_for_overwrite<char[]>(1 << 20));
  while (how == "hang") std::this_thread::sleep_for(1s);
}

void save_state(const std::string& argument, tasker::Context& context) {
  if (const auto state = context.load<std::string>()) {
    if (*state != argument) throw std::runtime_error("this is the state of " + *state);
    append(setting("states"), "found " + argument + "\n");
  }
  context.save(argument);
  append(setting("states"), "saved " + argument + "\n");
}

/// What every map calls.
template <class R>
struct Work {
  int rank;
  Lines failing = read_lines(setting("failing"));
  Lines bad = read_lines(setting("bad"));

  R operator()(const std::string& argument, tasker::Context& context) const {
    append(setting("ledger"),
           std::to_string(rank) + " " + std::to_string(context.attempt()) + " " + argument + "\n");
    std::this_thread::sleep_for(std::chrono::microseconds(std::stol(setting("sleep_us", "0"))));
    if (!setting("states").empty()) save_state(argument, context);
    if (setting("says") == "yes") {
      std::cout << "out of " << argument << std::endl;
      if (std::system(("echo err of " + argument + " >&2").c_str()) != 0)
        throw std::runtime_error("no shell");
    }
    while (argument.starts_with("wait") && !std::filesystem::exists(setting("wait_for")))
      std::this_thread::sleep_for(1ms);
    const bool fails_here = setting("failing_on").empty() || rank == rank_setting("failing_on");
    if (fails_here && std::find(failing.begin(), failing.end(), argument) != failing.end())
      throw std::runtime_error("cannot do " + argument);
    for (const std::string& line : bad)
      if (line.substr(line.find(' ') + 1) == argument) misbehave(line.substr(0, line.find(' ')));
    std::uint64_t asked = 0;
    if (setting("asks") == "index") asked = context.index();
    if (setting("asks") == "count") asked = context.task_count();
    if (setting("asks") == "attempt") asked = context.attempt();
    return result_for<R>(argument, asked);
  }
};

template <class R, class Argument = std::string>
void print(const tasker::Results<R>& results, int rank) {
  if (setting("results").empty()) return;
  std::string lines;
  for (std::uint64_t i = 0; i < results.size(); ++i) {
    nlohmann::json line = {{"rank", rank}, {"index", i}};
    if constexpr (std::is_void_v<R>) {
      line["result"] = results.has(i);
    } else {
      const auto result = results.find(i);
      line["result"] = result ? nlohmann::json(*result) : nlohmann::json();
    }
    if (const auto info = results.info(i)) {
      line["argument"] = results.template argument<Argument>(i);
      line["attempts"] = info->attempts;
      line["computed_by"] = info->rank;
    }
    if (const auto output = results.output(i)) line["output"] = {output->out, output->err};
    lines += line.dump() + "\n";
  }
  append(setting("results"), lines);
}

tasker::Options options() {
  tasker::Options options;
  options.version = setting("version");
  if (!setting("inputs").empty()) options.inputs = tasker::digest(tasker::file(setting("inputs")));
  return options;
}

struct Silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

[[noreturn]] void throw_something(const std::string& how) {
  if (how == "null") throw Silent();
  if (how != "nested") throw std::runtime_error("no luck on this rank");
  try {
    throw std::runtime_error("cannot open mesh.h5");
  } catch (...) {
    std::throw_with_nested(tasker::UsageError("step 7 failed"));
  }
}

template <class R>
void map(tasker::Tasker& tasker) {
  const int rank = tasker.rank();
  append(setting("pids"), std::to_string(rank) + " " + std::to_string(::getpid()) + "\n");
  if (rank == rank_setting("throws")) throw_something(setting("how"));
  if (rank == rank_setting("early")) return;
  if (rank == rank_setting("dies")) std::raise(SIGKILL);
  std::string archive = setting("archive");
  if (rank == rank_setting("other")) archive += ".other";
  // Only rank 0's arguments count.
  const Lines arguments = tasker.is_root() ? read_lines(setting("arguments")) : Lines{};
  const auto results = tasker.map(archive, Work<R>{rank}, arguments, options());
  if (tasker.is_root() || rank == rank_setting("reads")) print(results, rank);
  if (rank == rank_setting("destitute")) {
    const rlimit none{1, 1};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  while (rank_setting("destitute") >= 0 && rank != rank_setting("destitute"))
    std::this_thread::sleep_for(1s);  // so that it has to wait for this one
  if (!setting("ends").empty()) misbehave(setting("ends"));
  if (!setting("forks").empty()) fork_a_copy(setting("forks"));
  if (rank == rank_setting("throws_after")) throw std::runtime_error("late trouble");
  while (rank == rank_setting("stays") && !std::filesystem::exists(setting("wait_for")))
    std::this_thread::sleep_for(1ms);
  if constexpr (!std::is_void_v<R>) {
    if (setting("mode") != "twice") return;
    const auto hashes = tasker.map(
        archive + ".second",
        [](const R& result) { return result_for<double>(nlohmann::json(result).dump(), 0); }, results);
    if (tasker.is_root()) print<double, R>(hashes, rank);
  }
}

/// Functions that differ in what they have captured, or in themselves, on one file.
void map_by_factors(tasker::Tasker& tasker) {
  const std::vector<double> xs{1, 2, 3};
  for (const double factor : {1.0, 1.0, 10.0})
    (void)tasker.map(
        setting("archive"), [factor](double x) { return factor * x; }, xs, options());
  const auto results = tasker.map(
      setting("archive"), [](double x) { return -x; }, xs, options());
  if (tasker.is_root()) print<double, double>(results, 0);
}

/// Two halves of the ranks, each with a map of its own at the same time.
template <class R>
void map_by_halves(int rank) {
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
  {
    tasker::Tasker tasker{tasker::Communicator{half}};
    settings["archive"] += rank % 2 == 0 ? ".even" : ".odd";
    map<R>(tasker);
  }
  MPI_Comm_free(&half);
}

/// So many more descriptors, and never any above them; this program's own files it has already.
void allow_files(int more) {
  for (const char* const name : {"pids", "ledger"})
    if (!setting(name).empty()) kept_open[setting(name)] = open_to_append(setting(name));
  const int next = ::dup(STDIN_FILENO);
  ::close(next);
  const auto most = static_cast<rlim_t>(next + more);
  const rlimit limit{most, most};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("cannot set a limit");
}

void limit_files(int argc, char** argv) {
  int rank = -1;
  if (std::getenv("OMPI_COMM_WORLD_RANK")) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided);
    std::atexit([] { MPI_Finalize(); });
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  }
  if (rank == rank_setting("scarce_on")) allow_files(std::stoi(setting("files")));
}

template <class R>
int work(int argc, char** argv) {
  if (setting("mode") == "load") {
    try {
      print(tasker::load<R>(setting("archive")), 0);
      return 0;
    } catch (const tasker::Error& error) {
      std::cerr << error.what() << '\n';
      return error.exit_code();
    }
  }
  if (setting("mode") == "static") {
    static tasker::Tasker tasker;  // its end comes after main's
    map<R>(tasker);
    return 0;
  }
  if (setting("mode") == "unthreaded") {
    MPI_Init(&argc, &argv);
    std::atexit([] { MPI_Finalize(); });
  }
  if (!setting("files").empty()) limit_files(argc, argv);
  return tasker::run(argc, argv, [](tasker::Tasker& tasker) {
    if (setting("mode") == "factors")
      map_by_factors(tasker);
    else if (setting("mode") == "half")
      map_by_halves<R>(tasker.rank());
    else
      map<R>(tasker);
  });
}

}  // namespace

int main(int argc, char** argv) {
  read_settings(argc, argv);
  const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (rank && std::atoi(rank) == rank_setting("dies_at_start")) std::raise(SIGKILL);
  if (rank && std::atoi(rank) == rank_setting("ends_at_start")) return 3;
  if (!setting("exits").empty()) return std::stoi(setting("exits"));
  const std::string result = setting("result", "number");
  if (result == "void") return work<void>(argc, argv);
  return result == "number" ? work<double>(argc, argv) : work<std::string>(argc, argv);
}
