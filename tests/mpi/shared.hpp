#pragma once

#include "support/store_fixture.hpp"

#include <tasker/mpi.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

/// What tests of map share, in which every rank runs every line.
namespace tasker::test {

/// A directory that all ranks know and rank 0 removes.
class SharedDirectory {
 public:
  SharedDirectory() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    char path[256] = {};
    if (rank == 0) own_.emplace().path().string().copy(path, sizeof path - 1);
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, MPI_COMM_WORLD);
    path_ = path;
  }
  ~SharedDirectory() { MPI_Barrier(MPI_COMM_WORLD); }
  SharedDirectory(const SharedDirectory&) = delete;
  SharedDirectory& operator=(const SharedDirectory&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::optional<TemporaryDirectory> own_;
  std::filesystem::path path_;
};

inline Options quiet() {
  Options options;
  options.progress = Progress::off;
  return options;
}

/// Counts calls of `fn` over all ranks.
struct CallLedger {
  explicit CallLedger(const std::filesystem::path& file) : path(file) {}
  void note() const { std::ofstream(path, std::ios::app) << '\n' << std::flush; }
  std::uintmax_t calls() const {
    MPI_Barrier(MPI_COMM_WORLD);
    const auto size = std::filesystem::exists(path) ? std::filesystem::file_size(path) : 0;
    MPI_Barrier(MPI_COMM_WORLD);
    return size;
  }
  std::filesystem::path path;
};

}  // namespace tasker::test
