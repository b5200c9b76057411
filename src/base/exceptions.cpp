#include "base/exceptions.hpp"

#include <boost/core/demangle.hpp>
#include <cxxabi.h>

#include <string_view>
#include <typeinfo>

namespace tasker::base {

namespace {

constexpr int most_levels = 8;

/// std::throw_with_nested throws a type that libstdc++ derives from the program's: that one is named.
std::string name_of(const std::type_info& type) {
  constexpr std::string_view wrapper = "std::_Nested_exception<";
  const std::string name = boost::core::demangle(type.name());
  return name.starts_with(wrapper) ? name.substr(wrapper.size(), name.size() - wrapper.size() - 1) : name;
}

std::string own_text(const std::exception_ptr& exception, bool typed) {
  const auto told = [&](const std::string& type, const std::string& text) {
    return typed ? type + ": " + text : text;
  };
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    const char* const text = error.what();
    return told(name_of(typeid(error)), text ? text : "what() is null");
  } catch (const std::string& text) {
    return told("std::string", text);
  } catch (const char* text) {
    return told("const char*", text ? text : "null");
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    return "an exception of type " + (type ? name_of(*type) : "that is not known");
  }
}

std::exception_ptr nested_in(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::nested_exception& outer) {
    return outer.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

std::string all_texts(std::exception_ptr exception, bool typed) {
  std::string all = own_text(exception, typed);
  for (int level = 1; (exception = nested_in(exception)); ++level) {
    if (level == most_levels) return all + ": ...";
    all += ": " + own_text(exception, typed);
  }
  return all;
}

}  // namespace

std::string text_of(const std::exception_ptr& exception) { return all_texts(exception, false); }
std::string typed_text_of(const std::exception_ptr& exception) { return all_texts(exception, true); }

}  // namespace tasker::base
