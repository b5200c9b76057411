#pragma once

#include <dlfcn.h>

/// In a library that is preloaded: the function that is called when this library's own is not there.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

#define REAL(name) static const auto real = next<decltype(::name)>(#name)
