#pragma once

#include <map>
#include <string>

/// What the tests' programs are told by `name=value` arguments.
inline std::map<std::string, std::string> settings;

inline void read_settings(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    settings[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
}
