#pragma once

#include <tasker/tasker.hpp>

/// Types as users have them, for tests of codecs and maps.
namespace types {

/// A plain struct with Boost's `serialize`.
struct Model {
  double temperature = 0;
  int size = 0;
  std::vector<std::string> names;
  std::optional<int> limit;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& temperature& size& names& limit;
  }
  bool operator==(const Model&) const = default;
};

/// A class that only a pointer to its base is ever seen of.
struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  template <class Archive>
  void serialize(Archive&, unsigned /*version*/) {}
};

struct Square final : Shape {
  Square() = default;
  explicit Square(double side_length) : side(side_length) {}
  double area() const override { return side * side; }
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& boost::serialization::base_object<Shape>(*this);
    archive& side;
  }
  double side = 0;
};

}  // namespace types

BOOST_SERIALIZATION_ASSUME_ABSTRACT(types::Shape)
BOOST_CLASS_EXPORT_KEY(types::Square)
