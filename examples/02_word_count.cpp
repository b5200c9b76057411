// The most frequent words of all files below a directory: mpirun -n 3 ./02_word_count [DIRECTORY]
//
// A task is a file: its path, and the digest of its content. So when a file has changed, the same command
// counts that file again and takes all others from word_count.dat.
#include <tasker/tasker.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>

namespace fs = std::filesystem;

using Text = std::tuple<fs::path, tasker::Digest>;
using Counts = std::map<std::string, std::uint64_t>;

std::vector<Text> texts_below(const fs::path& directory) {
  std::vector<Text> texts;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file() && !entry.is_symlink())  // a link would count its file twice
      texts.emplace_back(entry.path(), tasker::digest(tasker::file(entry.path())));
  return texts;
}

/// Words are runs of letters; capitals count as small ones.
Counts count_words(const fs::path& path, const tasker::Digest&) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  Counts counts;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) ++counts[word];
    word.clear();
  };
  for (std::istreambuf_iterator<char> at(file), end; at != end; ++at) {
    const auto letter = static_cast<unsigned char>(*at);
    if (std::isalpha(letter))
      word += static_cast<char>(std::tolower(letter));
    else
      end_word();
  }
  end_word();
  return counts;
}

int main(int argc, char** argv) {
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
    const fs::path directory = argc > 1 ? argv[1] : "/usr/share/common-licenses";
    std::vector<Text> texts;
    if (tasker.is_root()) texts = texts_below(directory);  // only rank 0's list counts
    const auto counts_of_texts = tasker.map("word_count.dat", count_words, texts);
    if (!tasker.is_root()) return;

    Counts total;
    for (const Counts& counts : counts_of_texts)
      for (const auto& [word, count] : counts) total[word] += count;
    std::vector<std::pair<std::string, std::uint64_t>> top(total.begin(), total.end());
    std::ranges::stable_sort(top, std::greater{}, [](const auto& entry) { return entry.second; });
    for (const auto& [word, count] : top | std::views::take(20))
      std::cout << std::setw(8) << count << "  " << word << '\n';
  });
}
