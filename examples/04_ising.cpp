// Magnetisation and energy of the 2-D Ising model: mpirun -n 3 ./04_ising [SWEEPS [SIZE...]]
//
// A task is one temperature on one lattice. stdout is a table, ising.svg its picture. Everything that a task
// depends on is in its argument, so another size, as in ./04_ising 10000 8 16 32 64, is computed alone: the
// rest is there.
#include "support/svg.hpp"

#include <tasker/tasker.hpp>

#include <charconv>
#include <cmath>
#include <cstring>
#include <iostream>

struct Point {
  double temperature = 0;  ///< In units of the coupling.
  std::size_t size = 0;    ///< Spins along each side of the lattice, whose edges are joined.
  std::size_t sweeps = 0;  ///< Measured ones; a fifth of that comes before, to reach equilibrium.
  std::uint64_t seed = 0;
};

struct Estimate {
  double mean = 0;
  double error = 0;
};

struct Observables {
  Estimate magnetisation;  ///< Its magnitude, per spin.
  Estimate energy;         ///< Per spin.
};

/// Neighbours in time resemble each other, so the error comes from the means of long blocks.
Estimate estimate(const std::vector<double>& series) {
  constexpr std::size_t blocks = 20;
  const std::size_t length = series.size() / blocks;
  double sum = 0;
  double squares = 0;
  for (std::size_t block = 0; block < blocks; ++block) {
    double mean = 0;
    for (std::size_t i = 0; i < length; ++i) mean += series[block * length + i] / static_cast<double>(length);
    sum += mean;
    squares += mean * mean;
  }
  const double mean = sum / blocks;
  return {mean, std::sqrt(std::max(0.0, squares / blocks - mean * mean) / (blocks - 1))};
}

/// Metropolis' algorithm, from all spins up.
Observables simulate(const Point& point) {
  const std::size_t n = point.size;
  const auto spin_count = static_cast<double>(n * n);
  std::vector<int> spins(n * n, 1);
  int up = static_cast<int>(n * n);  // the sum of all spins
  int energy = -2 * up;
  std::mt19937_64 random(point.seed);
  // Random numbers below this accept a step that costs so much energy.
  const auto threshold = [&](int cost) {
    return static_cast<std::uint64_t>(std::ldexp(std::exp(-cost / point.temperature), 64));
  };
  const std::uint64_t accept_4 = threshold(4);
  const std::uint64_t accept_8 = threshold(8);

  const auto sweep = [&] {
    for (std::size_t y = 0; y < n; ++y) {
      const std::size_t above = (y == 0 ? n - 1 : y - 1) * n;
      const std::size_t below = (y == n - 1 ? 0 : y + 1) * n;
      for (std::size_t x = 0; x < n; ++x) {
        int& spin = spins[y * n + x];
        const int neighbours = spins[above + x] + spins[below + x] + spins[y * n + (x == 0 ? n - 1 : x - 1)] +
                               spins[y * n + (x == n - 1 ? 0 : x + 1)];
        const int cost = 2 * spin * neighbours;
        if (cost > 0 && random() >= (cost == 4 ? accept_4 : accept_8)) continue;
        spin = -spin;
        up += 2 * spin;
        energy += cost;
      }
    }
  };

  for (std::size_t i = 0; i < point.sweeps / 5; ++i) sweep();
  std::vector<double> magnetisations;
  std::vector<double> energies;
  for (std::size_t i = 0; i < point.sweeps; ++i) {
    sweep();
    magnetisations.push_back(std::abs(up) / spin_count);
    energies.push_back(energy / spin_count);
  }
  return {estimate(magnetisations), estimate(energies)};
}

std::size_t number(const char* text, std::size_t least) {
  std::size_t value = 0;
  const char* const end = text + std::strlen(text);
  if (std::from_chars(text, end, value).ptr != end || value < least)
    throw tasker::UsageError("usage: 04_ising [SWEEPS [SIZE...]], 20 sweeps or more, sizes from 3");
  return value;
}

const double critical_temperature = 2 / std::log(1 + std::sqrt(2));

void plot(const std::vector<std::size_t>& sizes, const std::vector<Point>& points,
          const tasker::Results<Observables>& results) {
  svg::Plot plot("2-D Ising model", {"temperature", 1.5, 3.5, 0.25}, {"|m|", 0, 1, 0.2});
  const std::vector<std::string> colours{"#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7"};
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    std::vector<svg::Point> series;
    for (std::size_t i = 0; i < points.size(); ++i)
      if (points[i].size == sizes[s]) {
        const Estimate m = results[i].magnetisation;
        series.push_back({points[i].temperature, m.mean, m.error});
      }
    const std::string side = std::to_string(sizes[s]);
    plot.points(side + " × " + side, colours[s % colours.size()], series);
  }
  std::vector<svg::Point> exact;
  for (double t = 1.5; t < critical_temperature; t += (critical_temperature - t) / 50 + 1e-6)
    exact.push_back({t, std::pow(1 - std::pow(std::sinh(2 / t), -4), 0.125)});
  exact.push_back({critical_temperature, 0});
  plot.curve("infinite, exact", "black", exact);
  plot.vertical("critical temperature", "#888888", critical_temperature);
  plot.write("ising.svg");
}

int main(int argc, char** argv) {
  return tasker::run(argc, argv, [&](tasker::Tasker& tasker) {
    const std::size_t sweeps = argc > 1 ? number(argv[1], 20) : 10000;
    std::vector<std::size_t> sizes{8, 16, 32};
    if (argc > 2) sizes.clear();
    for (int i = 2; i < argc; ++i) sizes.push_back(number(argv[i], 3));

    std::vector<Point> points;
    for (const std::size_t size : sizes)
      for (unsigned step = 0; step <= 40; ++step)
        points.push_back({1.5 + 0.05 * step, size, sweeps, 100 * size + step});

    const auto results = tasker.map("ising.dat", simulate, points);
    if (!tasker.is_root()) return;

    std::cout << "temperature size magnetisation error energy error\n";
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto [magnetisation, energy] = results[i];
      std::cout << points[i].temperature << ' ' << points[i].size << ' ' << magnetisation.mean << ' '
                << magnetisation.error << ' ' << energy.mean << ' ' << energy.error << '\n';
    }
    plot(sizes, points, results);
  });
}
