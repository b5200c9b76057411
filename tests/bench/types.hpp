#pragma once

#include <boost/serialization/access.hpp>
#include <boost/serialization/string.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What tasks that do nothing take and return, here and in the loop that is written by hand.
namespace tasker::bench {

struct Row {
  double beta;
  double energy;
  std::int32_t size;
  float error;
  bool operator==(const Row&) const = default;
};

/// Not plain: what is in it, only its `serialize` knows.
class Named {
 public:
  Named() = default;
  Named(double x, double y, std::string name) : x_(x), y_(y), name_(std::move(name)) {}
  bool operator==(const Named&) const = default;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& x_& y_& name_;
  }
  double x_ = 0;
  double y_ = 0;
  std::string name_;
};

/// The argument of task `i`. Cheap, since a map makes its arguments while it is measured.
template <class T>
T make(std::uint64_t i);

template <>
inline double make(std::uint64_t i) {
  return 0.5 * static_cast<double>(i);
}
template <>
inline std::string make(std::uint64_t i) {
  std::string text(20, '0');
  for (auto digit = text.rbegin(); i > 0; i /= 10) *digit++ = static_cast<char>('0' + i % 10);
  return text;
}
template <>
inline std::vector<double> make(std::uint64_t i) {
  return std::vector<double>(8, make<double>(i));
}
template <>
inline Row make(std::uint64_t i) {
  return {make<double>(i), -make<double>(i), static_cast<std::int32_t>(i), static_cast<float>(i)};
}
template <>
inline Named make(std::uint64_t i) {
  return {make<double>(i), -make<double>(i), make<std::string>(i)};
}

/// Calls `visit.operator()<T>()` with the type of that name.
template <class Visit>
auto with_type(std::string_view name, Visit visit) {
  if (name == "double") return visit.template operator()<double>();
  if (name == "string") return visit.template operator()<std::string>();
  if (name == "vector") return visit.template operator()<std::vector<double>>();
  if (name == "struct") return visit.template operator()<Row>();
  if (name == "class") return visit.template operator()<Named>();
  throw std::invalid_argument("no such type: " + std::string(name));
}

}  // namespace tasker::bench
