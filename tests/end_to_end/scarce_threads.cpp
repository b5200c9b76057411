/// FAULTS_THREADS of faults.cpp.
#include "next.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace {

bool may_start_thread() {
  const char* const first_to_fail = std::getenv("FAULTS_THREADS");
  const char* const rank = std::getenv("FAULTS_RANK");
  const char* const own_rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (!first_to_fail || (rank && own_rank && std::string_view(rank) != own_rank)) return true;
  static std::atomic<unsigned long> threads;
  return ++threads < std::strtoul(first_to_fail, nullptr, 10);
}

}  // namespace

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  REAL(pthread_create);
  Dl_info caller{};
  const bool is_ours = ::dladdr(__builtin_return_address(0), &caller) != 0 &&
                       std::string_view(caller.dli_fname).find("libstdc++") != std::string_view::npos;
  if (is_ours && !may_start_thread()) return EAGAIN;
  return real(thread, attributes, start, argument);
}

}  // extern "C"
