#include "tool/slurm_command.hpp"

#include <cstdio>

namespace tasker::tool {

Answer ask(const std::string& command) {
  Answer answer;
  std::FILE* const out = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (!out) return answer;
  char bytes[4096];
  for (std::size_t size; (size = std::fread(bytes, 1, sizeof bytes, out)) > 0;)
    answer.text.append(bytes, size);
  answer.good = ::pclose(out) == 0;
  while (answer.text.ends_with('\n')) answer.text.pop_back();
  return answer;
}

}  // namespace tasker::tool
