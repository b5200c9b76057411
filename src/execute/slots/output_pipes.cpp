#include "execute/slots/output_pipes.hpp"

#include "base/file.hpp"
#include "store/record.hpp"

#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

namespace tasker::execute::slots {

using namespace std::chrono_literals;

void KeptText::append(std::string_view bytes) {
  std::uint64_t at = size_;
  size_ = at + bytes.size();
  while (!bytes.empty()) {
    char* const part = at < half ? head_ : tail_;
    const std::size_t place = at % half;
    const std::size_t size = std::min(bytes.size(), half - place);
    bytes.copy(part + place, size);
    bytes.remove_prefix(size);
    at += size;
  }
}

std::string KeptText::text() const {
  const std::uint64_t size = size_;
  std::string text(head_, std::min<std::uint64_t>(size, half));
  if (size <= half) return text;
  if (size <= 2 * half) return text.append(tail_, size - half);
  text += "\n[tasker: " + std::to_string(size - 2 * half) + " bytes left out]\n";
  const std::size_t oldest = size % half;
  return text.append(tail_ + oldest, half - oldest).append(tail_, oldest);
}

OutputPipes::Pipe::Pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) base::throw_errno("create", "a pipe");
  reading = base::Descriptor(ends[0]);
  writing = base::Descriptor(ends[1]);
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
}

void OutputPipes::Pipe::read_into(KeptText& text) const {
  // Only what is there now: somebody may go on writing for ever.
  int left = 0;
  ::ioctl(reading.get(), FIONREAD, &left);
  while (left > 0) {
    char bytes[1 << 14];
    const ssize_t got = ::read(reading.get(), bytes, std::min(sizeof bytes, static_cast<std::size_t>(left)));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    text.append({bytes, static_cast<std::size_t>(got)});
    left -= static_cast<int>(got);
  }
}

OutputPipes::OutputPipes(OutputPage& page) : page_(page), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) base::throw_errno("create", "an epoll instance");
  for (const Pipe* pipe : {&out_, &err_}) {
    epoll_event readable{EPOLLIN, {}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pipe->reading.get(), &readable);
  }
  page_.taker = Taker::nobody;
  page_.out.clear();
  page_.err.clear();
}

void OutputPipes::redirect() const {
  // The pipes' own writing ends stay open. So the pipes don't end when a task closes stdout.
  ::dup2(out_.writing.get(), STDOUT_FILENO);
  ::dup2(err_.writing.get(), STDERR_FILENO);
  // Buffered by line, so that the output of a task that crashes is there up to its last line. A new buffer,
  // since glibc would fill the old one in the old way first.
  static char buffer[BUFSIZ];
  std::setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
}

void OutputPipes::close_writing() {
  out_.writing.close();
  err_.writing.close();
}

void OutputPipes::read() {
  out_.read_into(page_.out);
  err_.read_into(page_.err);
}

bool OutputPipes::drain() {
  Taker taker = page_.taker;
  if (taker == Taker::child || !page_.taker.compare_exchange_strong(taker, Taker::rank)) return false;
  page_.touched = true;
  std::atomic_thread_fence(std::memory_order_release);  // see end_task
  read();
  page_.taker = Taker::nobody;
  return true;
}

std::string OutputPipes::take_all(bool keep) {
  read();
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
  // Most tasks write nothing, which must cost little. The rank sets `touched` before it takes output. So if
  // the pipes are found empty, and `touched` unset after that, there is no output.
  epoll_event found;
  const bool waiting = ::epoll_wait(epoll_.get(), &found, 1, 0) != 0;
  std::atomic_thread_fence(std::memory_order_acquire);
  if (!waiting && !page_.touched) return {};
  for (Taker taker = page_.taker;
       taker == Taker::rank || !page_.taker.compare_exchange_strong(taker, Taker::child); taker = page_.taker)
    std::this_thread::sleep_for(20us);
  std::string output = take_all(keep);
  page_.taker = Taker::nobody;
  return output;
}

}  // namespace tasker::execute::slots
