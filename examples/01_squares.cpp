// The shortest true program: mpirun -n 3 ./01_squares
// The results stay in squares.dat; type the command again and nothing is computed.
#include <tasker/tasker.hpp>

#include <iostream>

int main(int argc, char** argv) {
  return tasker::run(argc, argv, [](tasker::Tasker& tasker) {
    const std::vector<double> xs{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    auto squares = tasker.map(
        "squares.dat", [](double x) { return x * x; }, xs);
    if (tasker.is_root())
      for (double square : squares) std::cout << square << '\n';
  });
}
