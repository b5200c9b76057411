#include "tool/mpirun.hpp"

#include "base/console.hpp"
#include "base/file.hpp"
#include "base/signals.hpp"
#include "base/sleep.hpp"
#include "talk/host.hpp"

#include <tasker/error.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tasker::tool {

using namespace std::chrono_literals;
using base::Clock;

namespace {

/// How long mpirun may take to return after rank 0 has gone, and after it was told to.
constexpr auto patience = 3s;
/// How many ranks may connect, about.
constexpr std::size_t most_ranks = 65536;

/// Whether nohup has started this process.
bool ignores_hangup() {
  struct sigaction action {};
  ::sigaction(SIGHUP, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

std::vector<in_addr_t> own_addresses(bool other_hosts) {
  std::vector<in_addr_t> addresses;
  if (other_hosts)
    for (const talk::Interface& interface : talk::interfaces()) addresses.push_back(interface.address);
  if (addresses.empty()) addresses.push_back(htonl(INADDR_LOOPBACK));
  return addresses;
}

}  // namespace

Mpirun::Mpirun(bool other_hosts, std::chrono::milliseconds lost_after)
    : secret_(talk::make_secret()),
      ranks_(htonl(other_hosts ? INADDR_ANY : INADDR_LOOPBACK), secret_, most_ranks) {
  ranks_.set_lost_after(lost_after);
  const cluster::LauncherAddress here{own_addresses(other_hosts), ranks_.port(), secret_};
  ::setenv(cluster::launcher_variable, here.to_string().c_str(), 1);
}

int Mpirun::run(const std::vector<std::string>& command) {
  start(command);
  int status = 0;
  for (bool pressed = false; ::waitpid(pid_, &status, WNOHANG) == 0;) {
    wait({{pidfd_.get(), POLLIN, 0}}, deadline_);
    if (Clock::now() < deadline_) continue;
    // mpirun waits for ranks that are gone. It is told to end, the next time killed.
    ::kill(pid_, std::exchange(pressed, true) ? SIGKILL : SIGTERM);
    deadline_ = Clock::now() + patience;
  }
  pid_ = -1;
  // The last word of rank 0 may still be on its way from another host.
  const auto end = Clock::now() + patience;
  while (seen_ && !gone_ && Clock::now() < end) wait({}, end);
  return exit_code(status);
}

void Mpirun::start(const std::vector<std::string>& command) {
  sigset_t passed_on = base::signal_set({SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2});
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &passed_on, &before);
  if (ignores_hangup()) {
    sigdelset(&passed_on, SIGHUP);
    sigaddset(&before, SIGHUP);  // or mpirun would catch it
  }
  signals_ = base::Descriptor(::signalfd(-1, &passed_on, SFD_CLOEXEC | SFD_NONBLOCK));
  int failure[2];
  if (!signals_ || ::pipe2(failure, O_CLOEXEC) != 0) base::throw_errno("start", command.front());
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const base::Descriptor failed(failure[0]);
  base::Descriptor fails(failure[1]);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // kill -9 of this process ends the run, too
    if (::getppid() != parent) ::_exit(1);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::execvp(words.front(), words.data());
    (void)!::write(fails.get(), &errno, sizeof errno);
    ::_exit(1);
  }
  fails.close();
  int error = pid_ < 0 ? errno : 0;
  if (pid_ > 0 && ::read(failed.get(), &error, sizeof error) <= 0) error = 0;
  if (error != 0)
    throw UsageError("cannot run " + command.front() + ": " + std::strerror(error) +
                     "; install Open MPI (Debian: openmpi-bin), or load its module");
  pidfd_ = base::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) base::throw_errno("watch", command.front());
}

/// Sleeps until one of `watched` is ready, a rank or a signal has something to say, or `deadline`.
void Mpirun::wait(std::vector<pollfd> watched, base::Time deadline) {
  watched.push_back({ranks_.fd(), POLLIN, 0});
  watched.push_back({signals_.get(), POLLIN, 0});
  base::sleep_until(deadline, watched);
  pass_on_signal();
  hear_ranks();
}

void Mpirun::hear_ranks() {
  for (const talk::Lifelines::End& end : ranks_.look()) {
    std::optional<cluster::LastWord> word;
    if (end.last_word) word = cluster::LastWord::from_number(*end.last_word);
    if (end.number != 0) {
      if ((word && word->has_met) || missed_) continue;
      missed_ = static_cast<int>(end.number);
      deadline_ = Clock::now() + patience;  // if the others have not ended by then, they wait for this rank
      continue;
    }
    gone_ = true;
    last_word_ = word;
    // If no rank has died, the others may take their time to end.
    if (!last_word_ || last_word_->lost_ranks) deadline_ = Clock::now() + patience;
  }
  seen_ = seen_ || gone_ || ranks_.holds(0);
}

void Mpirun::pass_on_signal() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    const auto number = static_cast<int>(signal.ssi_signo);
    stopped_ = true;
    // A terminal sends its signals to mpirun, too, and at a second one mpirun kills all ranks.
    if (signal.ssi_code != SI_KERNEL && pid_ > 0) ::kill(pid_, number);
  }
}

int Mpirun::exit_code(int status) const {
  if (last_word_) return last_word_->exit_code;
  const auto say = [](int code, const std::string& why) {
    base::say("tasker: " + why + "\n");
    return code;
  };
  const std::string again = "; the same command again computes what is missing";
  if (stopped_) return say(exit_interrupted, "stopped by a signal" + again);
  if (missed_)
    return say(exit_system, "rank " + std::to_string(*missed_) + " ended before all ranks had met");
  if (seen_) return say(exit_system, "rank 0 is gone, and with it the run" + again);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return exit_system;  // mpirun has said why
  return say(exit_failed, "no program that uses Tasker was heard of");
}

}  // namespace tasker::tool
