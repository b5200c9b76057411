#pragma once

#include "support/variable.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace tasker::test {

/// A Slurm job whose squeue is a script.
class SlurmJob {
 public:
  SlurmJob() {
    std::string name = std::filesystem::temp_directory_path() / "tasker-squeue.XXXXXX";
    REQUIRE(::mkdtemp(name.data()));
    place_ = name;
    path_.emplace("PATH", name + ":" + std::getenv("PATH"));
  }
  ~SlurmJob() { std::filesystem::remove_all(place_); }
  SlurmJob(const SlurmJob&) = delete;
  SlurmJob& operator=(const SlurmJob&) = delete;
  const std::filesystem::path& place() const { return place_; }

  void squeue(const std::string& script) const {
    const auto file = place_ / "squeue";
    std::ofstream(file) << "#!/bin/sh\necho \"$*\" >> '" << place_.string() << "/asked'\n" << script << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  std::vector<std::string> asked() const {
    std::vector<std::string> lines;
    std::ifstream in(place_ / "asked");
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

 private:
  std::filesystem::path place_;
  std::optional<Variable> path_;
  Variable job_{"SLURM_JOB_ID", "4711"};
  Variable start_{"SLURM_JOB_START_TIME", std::nullopt};
  Variable end_{"SLURM_JOB_END_TIME", std::nullopt};
};

}  // namespace tasker::test
