// Rates of the store for N records of 8 bytes (default 10 million) in journals of a few ranks, against raw
// writing and `cat` of the same files. Usage: store_bench [N [directory]]
#include "base/file.hpp"
#include "base/hash.hpp"
#include "store/fold.hpp"
#include "store/frame_builder.hpp"
#include "store/match.hpp"
#include "store/merge.hpp"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace {

namespace fs = std::filesystem;
using namespace tasker;
using namespace tasker::store;

constexpr std::uint64_t ranks = 4;

struct Time {
  double wall = 0;
  double cpu = 0;  // of this process and those that it waited for
};

double cpu_time() {
  double all = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime})
      all += static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  }
  return all;
}

Time time_of(const std::function<void()>& act) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = cpu_time();
  act();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), cpu_time() - cpu};
}

void print(const char* what, Time time, std::uint64_t records, std::uint64_t bytes) {
  std::printf("%-42s %9.3f %9.3f %12.2f %12.2f %9.0f\n", what, time.wall, time.cpu,
              static_cast<double>(records) / time.wall / 1e6, static_cast<double>(records) / time.cpu / 1e6,
              static_cast<double>(bytes) / time.wall / 1e6);
  std::fflush(stdout);
}

/// Memory of this process that is no file's, in MB.
double own_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "RssAnon:") {
      double kilobytes = 0;
      status >> kilobytes;
      return kilobytes / 1024;
    }
  return 0;
}

constexpr Digest declared{7, 0};

/// Takes the arguments `shift`, `shift` + 1, …
void match(Matcher& matcher, std::uint64_t n, std::uint64_t shift) {
  const Fingerprinter fingerprinter(declared);
  std::string argument;
  for (std::uint64_t i = 0; i < n; ++i) {
    argument.clear();
    detail::put(argument, i + shift);
    matcher.next(argument, 1, fingerprinter);
  }
}

/// Frames with `per_frame` records of one rank.
void each_frame(std::uint64_t rank, std::uint64_t n, std::uint64_t per_frame,
                const std::function<void(const FrameParts&)>& visit) {
  const Fingerprinter fingerprinter(declared);
  FrameBuilder builder(fingerprinter, true);
  const auto finish = [&] {
    if (builder.records() > 0) visit(builder.frame({.together = builder.records()}));
    builder.clear();
  };
  std::string argument;
  std::string payload;
  for (std::uint64_t i = rank * n / ranks; i < (rank + 1) * n / ranks; ++i) {
    argument.clear();
    payload.clear();
    detail::put(argument, i);
    detail::put(payload, static_cast<double>(i) * 0.5);
    builder.add({.index = i, .outcome = Outcome::done, .argument = argument, .payload = payload});
    if (builder.records() == per_frame) finish();
  }
  finish();
}

std::uint64_t size_of(const fs::path& directory) {
  std::uint64_t bytes = 0;
  for (const JournalName& name : list_journals(directory))
    bytes += fs::file_size(directory / name.to_string());
  return bytes;
}

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) std::fprintf(stderr, "failed: %s\n", command.c_str());
}

void bench_append(const fs::path& home, std::uint64_t n, std::uint64_t per_frame) {
  std::vector<std::string> frames;
  std::uint64_t bytes = 0;
  each_frame(0, n * ranks, per_frame, [&](const FrameParts& frame) {
    frames.push_back(to_bytes(frame, 1));
    bytes += frames.back().size();
  });
  const Time raw = time_of([&] {
    base::File file = base::File::create_new(home / "raw");
    std::string buffer;
    for (const std::string& frame : frames) {
      buffer += frame;
      if (buffer.size() < 65536) continue;
      file.write({buffer});
      buffer.clear();
    }
    file.write({buffer});
  });
  const Time journal = time_of([&] {
    JournalWriter writer(home / "journal", 1, {});
    for (const std::string& frame : frames) writer.append(Frame::at(frame)->parts());
  });
  char what[64];
  std::snprintf(what, sizeof what, "append, %llu records a frame",
                static_cast<unsigned long long>(per_frame));
  print(what, journal, n, bytes);
  print("  the same bytes through a 64 KiB buffer", raw, n, bytes);
  fs::remove(home / "raw");
  fs::remove(home / "journal");
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t n = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  std::string name = (argc > 2 ? fs::path(argv[2]) : fs::temp_directory_path()) / "tasker-bench.XXXXXX";
  if (!::mkdtemp(name.data())) base::throw_errno("create", name);
  const fs::path home = name;
  const fs::path directory = home / "numbers.mpi";
  const fs::path file = home / "numbers";
  fs::create_directory(directory);

  std::printf("%-42s %9s %9s %12s %12s %9s\n", "", "wall s", "CPU s", "M records/s", "M/s of CPU", "MB/s");
  for (const std::uint64_t per_frame : {1U, 16U, 4096U})
    bench_append(home, std::min<std::uint64_t>(n, 1'000'000), per_frame);

  const Manifest manifest{n, "u64", "f64", {}, base::to_hex(declared), "1_74"};
  for (std::uint64_t rank = 0; rank < ranks; ++rank) {
    const JournalName journal{1, 42, static_cast<std::int32_t>(rank)};
    JournalWriter writer(directory / journal.to_string(), journal.id,
                         {manifest, {{"run", 1, journal.rank, "host", "build", n, {}, declared}}});
    each_frame(rank, n, 4096, [&](const FrameParts& frame) { writer.append(frame); });
  }
  const std::uint64_t bytes = size_of(directory);
  ::sync();
  run("cat " + directory.string() + "/*.journal > /dev/null");  // into the cache, as after a run
  const double memory = own_memory();

  auto catalog = std::make_unique<Catalog>(directory, n);
  print("scan of the journals", time_of([&] {
          for (const JournalName& journal : list_journals(directory)) catalog->add(directory, journal);
          catalog->settle();
        }),
        n, bytes);
  print("  cat > /dev/null", time_of([&] { run("cat " + directory.string() + "/*.journal > /dev/null"); }), n,
        bytes);
  print("matching the same list", time_of([&] {
          Matcher matcher(*catalog, "build");
          match(matcher, n, 0);
          if (matcher.finish([](base::Range) {}).reused != n) std::abort();
        }),
        n, bytes);
  print("merge, synced",
        time_of([&] { merge(*catalog, Fence(directory, "bench"), file, manifest, true, std::nullopt); }), n,
        bytes);
  print("  cat > copy, synced", time_of([&] {
          run("cat " + directory.string() + "/*.journal > " + home.string() + "/copy && sync " +
              home.string() + "/copy");
        }),
        n, bytes);
  std::printf("memory of its own: %+.1f MB\n", own_memory() - memory);
  catalog.reset();
  fs::remove(home / "copy");
  fs::remove_all(directory);
  fs::create_directory(directory);

  const Time opening = time_of([&] { (void)Archive(file).result(n - 1); });
  std::printf("opening the archive and reading its last result: %.2f ms\n", 1e3 * opening.wall);
  print("importing the archive, synced",
        time_of([&] { (void)import_archive(Fence(directory, "bench"), Archive(file)); }), n, bytes);
  catalog = std::make_unique<Catalog>(directory, n);
  for (const JournalName& journal : list_journals(directory)) catalog->add(directory, journal);
  catalog->settle();
  print("matching a list shifted by one", time_of([&] {
          Matcher matcher(*catalog, "build");
          match(matcher, n, 1);
          if (matcher.finish([](base::Range) {}).moved != n - 1) std::abort();
        }),
        n, bytes);
  catalog.reset();
  fs::remove_all(home);
}
