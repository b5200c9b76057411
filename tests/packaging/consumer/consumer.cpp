#include <tasker/tasker.hpp>

#include <iostream>

int main(int argc, char** argv) {
  return tasker::run(argc, argv, [](tasker::Tasker& tasker) {
    const auto roots = tasker.map(
        "roots.dat", [](double x) { return std::sqrt(x); }, std::vector<double>{1, 4, 9});
    if (tasker.is_root()) std::cout << roots[2] << '\n';
  });
}
