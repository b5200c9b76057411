#include "runtime/map.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

namespace tasker::runtime {
namespace {

using detail::function_of;

double square(double x) { return x * x; }
double cube(double x) { return x * x * x; }

auto times(double factor) {
  return [factor](double x) { return factor * x; };
}

TEST_CASE("Functions differ in their types, and in what they have captured") {
  const auto negative = [](double x) { return -x; };
  const auto inverse = [](double x) { return 1 / x; };
  CHECK(function_of(negative) == function_of(negative));
  CHECK(function_of(negative) != function_of(inverse));
  CHECK(function_of(&square) == function_of(&square));
  CHECK(function_of(&square) != function_of(&cube));
  CHECK(function_of(times(1)) == function_of(times(1)));
#ifndef __clang__  // which can't tell what is padding beside a floating-point number
  CHECK(function_of(times(1)) != function_of(times(2)));
#endif
  const auto counts = [](int first, int second) { return [=](int x) { return first + second + x; }; };
  CHECK(function_of(counts(1, 2)) == function_of(counts(1, 2)));
  CHECK(function_of(counts(1, 2)) != function_of(counts(1, 3)));
  // Side by side they would be an address, were they not numbers.
  CHECK(function_of(counts(1, 0x7fff)) != function_of(counts(5, 0x7fff)));
}

TEST_CASE("What can't be compared, or says nothing, makes no difference") {
  // Padding.
  const auto padded = [](int dirt) {
    struct Mixed {
      char letter;
      double number;
    };
    alignas(Mixed) std::array<char, sizeof(Mixed)> memory{};
    memory.fill(static_cast<char>(dirt));
    auto* const mixed = new (memory.data()) Mixed;
    mixed->letter = 'a';
    mixed->number = 1;
    return function_of([kept = *mixed](double x) { return kept.number + kept.letter + x; });
  };
  CHECK(padded(1) == padded(2));
  // Addresses, and what owns memory.
  const auto looks_at = [](const std::vector<double>& table) {
    return [&table](std::size_t i) { return table[i]; };
  };
  const std::vector<double> one(10, 1.0);
  const std::vector<double> other(10, 2.0);
  CHECK(function_of(looks_at(one)) == function_of(looks_at(other)));
  const auto begins_at = [](const double* data) { return [data](std::size_t i) { return data[i]; }; };
  CHECK(function_of(begins_at(one.data())) == function_of(begins_at(other.data())));
  const auto names = [](std::string name) { return [name = std::move(name)](int) { return name; }; };
  CHECK(function_of(names("a")) == function_of(names("b")));
}

TEST_CASE("The first function that is mapped to a file counts, for each digest") {
  Authors authors;
  const auto negative = function_of([](double x) { return -x; });
  CHECK_FALSE(authors.is_another("a.dat", "1", negative));
  CHECK_FALSE(authors.is_another("a.dat", "1", negative));
  CHECK(authors.is_another("a.dat", "1", function_of(&square)));
  CHECK(authors.is_another("a.dat", "1", function_of(&square)));
  CHECK_FALSE(authors.is_another("a.dat", "1", negative));
  CHECK_FALSE(authors.is_another("a.dat", "2", function_of(&square)));
  CHECK_FALSE(authors.is_another("b.dat", "1", function_of(&cube)));
}

}  // namespace
}  // namespace tasker::runtime
