#include "execute/output_pipes.hpp"

#include "base/file.hpp"
#include "store/record.hpp"

#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <utility>

namespace tasker::execute {

namespace {

class Lock {
 public:
  explicit Lock(pthread_mutex_t& mutex) : mutex_(mutex) {
    // If the holder died, some output may be lost.
    if (::pthread_mutex_lock(&mutex_) == EOWNERDEAD) ::pthread_mutex_consistent(&mutex_);
  }
  ~Lock() { ::pthread_mutex_unlock(&mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

}  // namespace

OutputPage::OutputPage() {
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&mutex, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
}

OutputPipes::Pipe::Pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) base::throw_errno("create", "a pipe");
  reading = ends[0];
  writing = ends[1];
  ::fcntl(reading, F_SETFL, O_NONBLOCK);
}

OutputPipes::Pipe::~Pipe() {
  ::close(reading);
  close_writing();
}

void OutputPipes::Pipe::close_writing() {
  if (writing >= 0) ::close(std::exchange(writing, -1));
}

void OutputPipes::Pipe::read_into(KeptText& text) const {
  // What is there now and no more: somebody may go on writing for ever.
  int left = 0;
  ::ioctl(reading, FIONREAD, &left);
  while (left > 0) {
    char bytes[1 << 14];
    const ssize_t got = ::read(reading, bytes, std::min(sizeof bytes, static_cast<std::size_t>(left)));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    text.append({bytes, static_cast<std::size_t>(got)});
    left -= static_cast<int>(got);
  }
}

OutputPipes::OutputPipes(OutputPage& page) : page_(page), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) base::throw_errno("create", "an epoll instance");
  for (const Pipe* pipe : {&out_, &err_}) {
    epoll_event readable{EPOLLIN, {}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, pipe->reading, &readable);
  }
  const Lock lock(page_.mutex);
  page_.out.clear();
  page_.err.clear();
}

OutputPipes::~OutputPipes() { ::close(epoll_); }

void OutputPipes::redirect() const {
  // The pipes' own ends stay open: a task may close stdout, and still they have not ended.
  ::dup2(out_.writing, STDOUT_FILENO);
  ::dup2(err_.writing, STDERR_FILENO);
  // A task that crashes has said what it said before, up to its last line. With the old buffer, glibc would
  // go on as before for a while.
  static char buffer[BUFSIZ];
  std::setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
}

void OutputPipes::close_writing() {
  out_.close_writing();
  err_.close_writing();
}

void OutputPipes::drain() {
  const Lock lock(page_.mutex);
  page_.touched = true;
  std::atomic_thread_fence(std::memory_order_release);  // see end_task
  out_.read_into(page_.out);
  err_.read_into(page_.err);
}

std::string OutputPipes::take(bool keep) {
  const Lock lock(page_.mutex);
  out_.read_into(page_.out);
  err_.read_into(page_.err);
  std::string output;
  if (keep) output = store::encode_output({page_.out.text(), page_.err.text()});
  page_.out.clear();
  page_.err.clear();
  page_.touched = false;
  return output;
}

std::string OutputPipes::end_task(bool keep) {
  std::cout.flush();
  std::clog.flush();
  if (::__fpending(stdout) > 0) std::fflush(stdout);
  // Most tasks write nothing. The rank says that it takes something before it does, so what is neither in the
  // pipes nor announced after that was looked at is not there.
  epoll_event found;
  const bool waiting = ::epoll_wait(epoll_, &found, 1, 0) != 0;
  std::atomic_thread_fence(std::memory_order_acquire);
  return waiting || page_.touched ? take(keep) : std::string();
}

}  // namespace tasker::execute
