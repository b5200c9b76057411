// Rates of the store for N records of 8 bytes (default 10 million) in journals of a few ranks, against raw
// writing and `cat` of the same files. Usage: store_bench [N [directory]]
#include "base/file.hpp"
#include "base/hash.hpp"
#include "store/fold.hpp"
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

Fingerprint fingerprint_of(std::uint64_t index) {
  std::string argument;
  detail::put(argument, index);
  return base::hash128(argument, 7);
}

/// Bodies of frames with `per_frame` records of one rank.
void each_body(std::uint64_t rank, std::uint64_t n, std::uint64_t per_frame,
               const std::function<void(const FrameInfo&, const std::string&)>& visit) {
  std::string body;
  FrameInfo info;
  for (std::uint64_t i = rank * n / ranks; i < (rank + 1) * n / ranks; ++i) {
    std::string argument;
    detail::put(argument, i);
    std::string payload;
    detail::put(payload, static_cast<double>(i) * 0.5);
    put_record_head(body, {i, base::hash128(argument, 7), Outcome::done, 0, 1, argument, payload, {}});
    body += payload;
    if (++info.records < per_frame) continue;
    visit(info, body);
    body.clear();
    info.records = 0;
  }
  if (info.records > 0) visit(info, body);
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
  std::vector<std::pair<FrameInfo, std::string>> frames;
  std::uint64_t bytes = 0;
  each_body(0, n * ranks, per_frame, [&](const FrameInfo& info, const std::string& body) {
    frames.emplace_back(info, body);
    bytes += body.size();
  });
  const Time raw = time_of([&] {
    base::File file = base::File::create_new(home / "raw");
    std::string buffer;
    for (const auto& [info, body] : frames) {
      buffer += body;
      if (buffer.size() < 65536) continue;
      file.write({buffer});
      buffer.clear();
    }
    file.write({buffer});
  });
  const Time journal = time_of([&] {
    JournalWriter writer(home / "journal", 1, {});
    for (const auto& [info, body] : frames) writer.append(info, body);
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

  const Manifest manifest{n, "u64", "f64", {}, "digest", "1_74"};
  for (std::uint64_t rank = 0; rank < ranks; ++rank) {
    const JournalName journal{1, 42, static_cast<std::int32_t>(rank)};
    JournalWriter writer(directory / journal.to_string(), journal.id,
                         {manifest, {{"run", 1, journal.rank, "host", "build", n}}});
    each_body(rank, n, 4096,
              [&](const FrameInfo& info, const std::string& body) { writer.append(info, body); });
  }
  const std::uint64_t bytes = size_of(directory);
  ::sync();
  run("cat " + directory.string() + "/*.journal > /dev/null");  // into the cache, as after a run
  const double memory = own_memory();

  auto catalog = std::make_unique<Catalog>(directory, n);
  print("scan of the journals", time_of([&] {
          for (const JournalName& journal : list_journals(directory)) catalog->add(directory, journal);
        }),
        n, bytes);
  print("  cat > /dev/null", time_of([&] { run("cat " + directory.string() + "/*.journal > /dev/null"); }), n,
        bytes);
  print("matching the same list", time_of([&] {
          Matcher matcher(*catalog, directory, "build");
          for (std::uint64_t i = 0; i < n; ++i) matcher.next(fingerprint_of(i));
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
  print("matching a list shifted by one", time_of([&] {
          Matcher matcher(*catalog, directory, "build");
          for (std::uint64_t i = 0; i < n; ++i) matcher.next(fingerprint_of(i + 1));
          if (matcher.finish([](base::Range) {}).moved != n - 1) std::abort();
        }),
        n, bytes);
  catalog.reset();
  fs::remove_all(home);
}
