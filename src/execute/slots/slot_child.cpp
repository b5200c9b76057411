#include "execute/slots/slot_child.hpp"

#include "execute/run_chunk.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace tasker::execute::slots {

namespace {

/// Frames go to the rank, which writes them.
class PipeSink final : public FrameSink {
 public:
  PipeSink(base::Pipe& rank, SlotPage& page) : rank_(rank), page_(page) {}
  void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) override {
    page_.trap = Trap::none;  // what came before, the task has survived
    send({base::pack(FrameHead{info}), head, tail});
  }
  void save(const store::StateName& name, std::string_view state) override {
    send({base::pack(SavedState{name.index}), state});
  }
  void sync() override {}

 private:
  void send(std::initializer_list<std::string_view> parts) {
    page_.waiting = true;
    if (!rank_.send(parts)) ::_exit(0);  // nobody to work for
    page_.waiting = false;
  }
  base::Pipe& rank_;
  SlotPage& page_;
};

/// Where the stack can't grow to: an access there has run over its end.
struct StackEnd {
  std::uintptr_t low = 0;
  std::atomic<Trap>* trap = nullptr;
} stack_end;

constexpr std::uintptr_t stack_guard = std::uintptr_t{1} << 20;

void on_segv(int signal, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool sent = info->si_code <= 0;  // by a process: nothing was accessed
  if (!sent && address + stack_guard >= stack_end.low && address < stack_end.low + stack_guard)
    *stack_end.trap = Trap::stack_overflow;
  // And again without this handler; an access is repeated by itself.
  ::signal(signal, SIG_DFL);
  if (sent) ::raise(signal);
}

void watch_stack(std::atomic<Trap>& trap) {
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t size = 0;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return;
  ::pthread_attr_getstack(&attributes, &low, &size);
  ::pthread_attr_destroy(&attributes);
  stack_end = {reinterpret_cast<std::uintptr_t>(low), &trap};
  // A handler needs a stack of its own, since there is none left.
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

std::atomic<Trap>* memory_trap = nullptr;

/// What tasks may take besides what the process has when this is made, and besides their order.
class MemoryLimit {
 public:
  MemoryLimit(std::atomic<Trap>& trap, std::uint64_t bytes) : bytes_(bytes) {
    if (bytes_ == 0) return;
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    used_ = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    ::getrlimit(RLIMIT_AS, &before_);
    memory_trap = &trap;
    std::set_new_handler([] {
      *memory_trap = Trap::no_memory;
      throw std::bad_alloc();
    });
  }

  bool is_set() const { return bytes_ > 0; }
  /// While the order is received.
  void lift() const {
    if (is_set()) ::setrlimit(RLIMIT_AS, &before_);
  }
  void set(std::uint64_t order) const {
    if (!is_set()) return;
    const rlim_t with_order = used_ + order;
    const rlim_t limit = with_order + std::min(bytes_, RLIM_INFINITY - with_order);
    const rlimit soft{std::min(limit, before_.rlim_max), before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &soft);
  }

 private:
  std::uint64_t bytes_;
  rlim_t used_ = 0;
  rlimit before_{};
};

[[noreturn]] void die_of_memory(SlotPage& page) {
  page.trap = Trap::no_memory;
  ::raise(SIGKILL);
  ::_exit(1);
}

/// What was written so far is said; what was registered to be done at exit is the rank's affair, MPI's end
/// above all.
void on_exit_called(int status, void*) {
  std::cout.flush();
  std::fflush(nullptr);
  ::_exit(status);
}

/// What a task starts may be an MPI program, or one that uses this library, which is not to take itself for
/// this rank: it would refuse to be one of srun's many, or keep silent since it is not the first of them,
/// report its own end to `tasker launch`, and tell the job's history of its tasks.
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
  if (::getppid() != parent) ::_exit(0);  // it died before that
  ::setpgid(0, 0);                        // so that a task ends with all that it has started
  // MPI's handlers tell of a crash at length, as if the rank had crashed. What is ignored, such as SIGHUP
  // under nohup, stays so.
  for (const int signal :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2})
    if (::signal(signal, SIG_DFL) == SIG_IGN) ::signal(signal, SIG_IGN);
  // Should memory run out, a task goes before a rank.
  if (const base::Descriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); file)
    (void)!::write(file.get(), "800", 3);
  // What the rank may read belongs to no task, and a terminal would stop a background process that reads from
  // it.
  if (const base::Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC)); nothing)
    ::dup2(nothing.get(), STDIN_FILENO);
  forget_launcher();
  ::on_exit(on_exit_called, nullptr);
  watch_stack(page.trap);
}

}  // namespace

void serve(base::Pipe rank, pid_t parent, SlotPage& page, const Work& work, OutputPipes* output) {
  PipeSink sink(rank, page);
  Recorder recorder(sink, work.fingerprint, work.keep_arguments);
  become_child(page, parent);
  if (output) output->redirect();
  const MemoryLimit limit(page.trap, work.limits.memory);
  try {
    while (auto bytes = rank.receive()) {
      limit.set(bytes->size());
      std::string_view arguments = *bytes;
      auto order = base::unpack_front<Order>(arguments);
      bytes->erase(0, bytes->size() - arguments.size());
      Chunk chunk(std::move(order.tasks), std::move(order.attempts), *std::move(bytes),
                  order.again ? page.again : page.chunk);
      const ChunkReport report = run_chunk(chunk, work, recorder, order.tries, output);
      limit.lift();
      page.waiting = true;  // until the next order
      if (!rank.send({base::pack(Finished{report.stopped})})) break;
    }
    ::_exit(0);
  } catch (const OutOfMemory&) {
    die_of_memory(page);
  } catch (const std::exception& error) {
    if (limit.is_set() && dynamic_cast<const std::bad_alloc*>(&error) != nullptr) die_of_memory(page);
    // Not the task's fault; the rank sees the end and what was said.
    std::cerr << "tasker: a slot ends: " << error.what() << std::endl;
    ::_exit(1);
  }
}

}  // namespace tasker::execute::slots
