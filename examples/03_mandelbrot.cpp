// Draws the Mandelbrot set: mpirun -n 3 ./03_mandelbrot [PICTURE.png]
//
// A task is a row. One through the middle of the set takes hundreds of times as long as one that misses it;
// the scheduler evens that out.
#include "support/png.hpp"

#include <tasker/tasker.hpp>

#include <cmath>
#include <iostream>

constexpr int width = 1200;
constexpr int height = 800;
constexpr int max_steps = 2000;  ///< A point that has not escaped after so many steps belongs to the set.

/// How many steps the point takes to escape, with a fraction that makes the colours smooth; `max_steps` if it
/// never does.
float steps_to_escape(double re, double im) {
  double x = 0;
  double y = 0;
  for (int step = 0; step < max_steps; ++step) {
    const double next = x * x - y * y + re;
    y = 2 * x * y + im;
    x = next;
    if (const double square = x * x + y * y; square > 256)
      return static_cast<float>(step + 1 - std::log2(std::log2(square) / 8));
  }
  return max_steps;
}

std::vector<float> row(int y) {
  std::vector<float> steps;
  for (int x = 0; x < width; ++x)
    steps.push_back(steps_to_escape(-2.5 + 3.75 * x / width, 1.25 - 2.5 * y / height));
  return steps;
}

png::Pixel colour(float steps) {
  if (steps == max_steps) return {0, 0, 0};
  const auto wave = [&](double shift) {
    return static_cast<std::uint8_t>(127.5 - 127.5 * std::cos(1.8 * std::log(steps + 4) + shift));
  };
  return {wave(-2.6), wave(-2.0), wave(-1.2)};
}

int main(int argc, char** argv) {
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
    const std::filesystem::path picture = argc > 1 ? argv[1] : "mandelbrot.png";
    // What the rows depend on besides their number is declared: with other constants, old rows are not
    // reused.
    const auto rows = tasker.map("mandelbrot.dat", row, std::views::iota(0, height),
                                 {.inputs = tasker::digest(width, height, max_steps)});
    if (!tasker.is_root()) return;

    const auto steps = rows.to_vector();
    png::write(picture, width, height, [&](auto x, auto y) { return colour(steps[y][x]); });
    std::cout << picture.string() << '\n';
  });
}
