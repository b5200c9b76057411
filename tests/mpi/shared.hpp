#pragma once

#include <tasker/mpi.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

/// What tests of map share, in which every rank runs every line.
namespace tasker::test {

/// A directory that all ranks know and rank 0 removes.
class SharedDirectory {
 public:
  SharedDirectory() {
    char name[] = "/tmp/tasker_map_test.XXXXXX";
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    if (rank_ == 0 && !::mkdtemp(name)) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Bcast(name, sizeof name, MPI_CHAR, 0, MPI_COMM_WORLD);
    path_ = name;
  }
  ~SharedDirectory() {
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_ == 0) std::filesystem::remove_all(path_);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  int rank_ = 0;
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
