#pragma once

#include "base/file.hpp"

#include <sys/mman.h>

#include <memory>
#include <type_traits>

namespace tasker::base {

/// A value in memory that this process shares with the children it forks afterwards.
template <class T>
class Shared {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  Shared() {
    void* const memory =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw_errno("map", "shared memory");
    value_ = std::construct_at(static_cast<T*>(memory));
  }
  ~Shared() { ::munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

}  // namespace tasker::base
