#pragma once

#include <tasker/detail/function.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace tasker::runtime {

/// Which function of this program was mapped to a file first: its results are those of all others that are
/// not told apart.
class Authors {
 public:
  /// Whether it was another one than `function`. `digest`: of what is declared of it.
  bool is_another(const std::filesystem::path& path, const std::string& digest,
                  const detail::Function& function) {
    return first_.try_emplace({path.native(), digest}, function).first->second != function;
  }

 private:
  std::map<std::pair<std::string, std::string>, detail::Function> first_;
};

}  // namespace tasker::runtime
