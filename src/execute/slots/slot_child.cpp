#include "execute/slots/slot_child.hpp"

#include "execute/run_chunk.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tasker::execute::slots {

namespace {

constexpr std::string_view no_checksum("\0\0\0\0\0\0\0", sizeof(std::uint64_t));

/// Sends frames to the rank, which writes them.
class PipeSink final : public FrameSink {
 public:
  PipeSink(base::Pipe& rank, SlotPage& page) : rank_(rank), page_(page) {}
  void write(const store::FrameParts& frame) override {
    page_.trap = Trap::none;  // the task has survived whatever has set it
    std::vector<std::string_view> parts = frame.with(no_checksum);
    const std::string kind = base::pack(Records{});
    parts.insert(parts.begin(), kind);
    send(parts);
  }
  void save(const store::StateName& name, std::string_view state) override {
    const std::string head = base::pack(SavedState{name.index});
    send(std::array<std::string_view, 2>{head, state});
  }

 private:
  void send(std::span<const std::string_view> parts) {
    page_.waiting = true;
    if (!rank_.send(parts)) ::_exit(0);  // the rank is gone
    page_.waiting = false;
  }
  base::Pipe& rank_;
  SlotPage& page_;
};

// For handlers, which have no arguments of ours.
std::atomic<Trap>* page_trap = nullptr;
std::uintptr_t stack_end = 0;  // its lowest address

/// An access within this distance of the stack's end is taken for an overflow.
constexpr std::uintptr_t stack_guard = std::uintptr_t{1} << 20;

void on_segv(int signal, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool sent = info->si_code <= 0;  // by a process: nothing was accessed
  if (!sent && address + stack_guard >= stack_end && address < stack_end + stack_guard)
    *page_trap = Trap::stack_overflow;
  // The signal shall come again and end the process. An access is repeated when the handler returns.
  ::signal(signal, SIG_DFL);
  if (sent) ::raise(signal);
}

void watch_stack() {
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t size = 0;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return;
  ::pthread_attr_getstack(&attributes, &low, &size);
  ::pthread_attr_destroy(&attributes);
  stack_end = reinterpret_cast<std::uintptr_t>(low);
  // The handler needs a stack of its own: after an overflow there is none left.
  static char spare[std::size_t{1} << 16];
  stack_t other{};
  other.ss_sp = spare;
  other.ss_size = sizeof spare;
  ::sigaltstack(&other, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_segv;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, nullptr);
}

/// Limits the memory that tasks may take in addition to what the process has when this is made, and to their
/// arguments. No limit if `bytes` is 0.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::uint64_t bytes) : bytes_(bytes) {
    if (bytes_ == 0) return;
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    used_ = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    ::getrlimit(RLIMIT_AS, &before_);
    std::set_new_handler([] {
      *page_trap = Trap::no_memory;
      throw std::bad_alloc();
    });
  }

  bool is_set() const { return bytes_ > 0; }
  /// No limit while a chunk is received.
  void lift() const {
    if (is_set()) ::setrlimit(RLIMIT_AS, &before_);
  }
  /// Sets the limit for tasks whose arguments take so many bytes.
  void set(std::uint64_t arguments) const {
    if (!is_set()) return;
    const rlim_t given = used_ + arguments;
    const rlim_t limit = given + std::min(bytes_, RLIM_INFINITY - given);
    const rlimit soft{std::min(limit, before_.rlim_max), before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &soft);
  }

 private:
  std::uint64_t bytes_;
  rlim_t used_ = 0;
  rlimit before_{};
};

/// Ends a child whose task has called exit(). Its output is written. Handlers that the rank has registered,
/// above all that of MPI, don't run.
void on_exit_called(int status, void*) {
  std::cout.flush();
  std::fflush(nullptr);
  ::_exit(status);
}

/// Removes what tells a process that it is a rank of this job. Else an MPI program, or one that uses this
/// library, would take itself for this rank when a task starts it: it would refuse to be one of srun's many,
/// or keep silent since it is not rank 0, or report its own end to `tasker launch` and its tasks to the job's
/// history.
void forget_launcher() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable; ++variable)
    for (const char* const prefix : {"OMPI_", "PMIX_", "PMI_", "SLURM_PROCID=", "SLURM_STEP_NUM_TASKS=",
                                     "TASKER_HISTORY=", "TASKER_LAUNCHER="})
      if (const std::string_view text = *variable; text.starts_with(prefix))
        names.emplace_back(text.substr(0, text.find('=')));
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

void become_child(SlotPage& page, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // the rank died before prctl
  ::setpgid(0, 0);                        // so that a task ends with all that it has started
  // MPI's handlers would report a crash at length, as if the rank had crashed. A signal that is ignored, such
  // as SIGHUP under nohup, stays so.
  for (const int signal :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2})
    if (::signal(signal, SIG_DFL) == SIG_IGN) ::signal(signal, SIG_IGN);
  // Should the host's memory run out, a child is killed rather than a rank.
  if (const base::Descriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); file)
    (void)!::write(file.get(), "800", 3);
  // The rank's input is not for tasks; and a terminal stops a process in the background that reads from it.
  if (const base::Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC)); nothing)
    ::dup2(nothing.get(), STDIN_FILENO);
  forget_launcher();
  ::on_exit(on_exit_called, nullptr);
  page_trap = &page.trap;
  watch_stack();
}

}  // namespace

void serve(base::Pipe rank, pid_t parent, SlotPage& page, const Work& work, OutputPipes* output) {
  PipeSink sink(rank, page);
  Recorder recorder(sink, work.fingerprint, work.options().keep_arguments);
  become_child(page, parent);
  if (output) output->redirect();
  const MemoryLimit limit(work.options().memory_limit);
  try {
    while (auto bytes = rank.receive()) {
      limit.set(bytes->size());
      std::string_view arguments = *bytes;
      auto assignment = talk::unpack_front<talk::Assignment>(arguments);
      bytes->erase(0, bytes->size() - arguments.size());
      Chunk chunk(std::move(assignment), *std::move(bytes), page.chunk);
      run_chunk(chunk, work, recorder, output);
      limit.lift();
      page.waiting = true;  // until the next chunk
      if (!rank.send({base::pack(Finished{})})) break;
    }
    ::_exit(0);
  } catch (const std::exception& error) {
    if (limit.is_set() && dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
      page.trap = Trap::no_memory;
      ::raise(SIGKILL);
    }
    // Not the task's fault. The rank sees that this process ends, and this message.
    std::cerr << "tasker: a slot ends: " << error.what() << std::endl;
    ::_exit(1);
  }
}

}  // namespace tasker::execute::slots
