#include "record.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

// The calls here are not those that are recorded.

namespace {

std::string content_of(int file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  const long again = ::syscall(SYS_open, path.c_str(), O_RDONLY | O_CLOEXEC);
  if (again < 0) std::abort();
  std::string content;
  char buffer[4096];
  for (long size = 0; (size = ::syscall(SYS_read, again, buffer, sizeof buffer)) > 0;)
    content.append(buffer, static_cast<std::size_t>(size));
  ::syscall(SYS_close, again);
  return content;
}

std::string in_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace

void Record::begin(const char* name, const char* path, const char* other_path) {
  static const char* const record = std::getenv("FAULTS_RECORD");
  if (!record) return;
  line_ = std::string(name) + '\t' + path;
  if (other_path) line_ = line_ + '\t' + other_path;
  file_ = ::syscall(SYS_open, record, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0 || ::syscall(SYS_flock, file_, LOCK_EX) != 0) std::abort();
}

void Record::done(int written) const {
  if (file_ < 0) return;
  const std::string line = line_ + (written < 0 ? "" : '\t' + in_hex(content_of(written))) + '\n';
  if (::syscall(SYS_write, file_, line.data(), line.size()) != static_cast<long>(line.size())) std::abort();
}

Record::~Record() {
  if (file_ < 0) return;
  ::syscall(SYS_flock, file_, LOCK_UN);  // a process that was forked meanwhile has the file open, too
  ::syscall(SYS_close, file_);
}
