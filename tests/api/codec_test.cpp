#include "support/types.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <memory_resource>
#include <queue>

using namespace tasker::detail;

namespace {

template <class T>
std::string bytes_of(const T& value) {
  std::string bytes;
  encode(bytes, value);
  return bytes;
}

template <class T>
void check_round_trip(const T& value) {
  CAPTURE(schema<T>());
  CHECK(decode<T>(bytes_of(value)) == value);
}

enum class Colour : std::uint8_t { red, green };

}  // namespace

TEST_CASE("values with a fixed layout come back as they were") {
  check_round_trip(true);
  check_round_trip('x');
  check_round_trip(std::int8_t{-5});
  check_round_trip(std::numeric_limits<std::uint64_t>::max());
  check_round_trip(-0.1f);
  check_round_trip(std::numeric_limits<double>::infinity());
  check_round_trip(3.14159265358979323846L);
  check_round_trip(Colour::green);
  check_round_trip(std::string("with\0zero", 9));
  check_round_trip(std::filesystem::path("/a/b"));
  check_round_trip(std::complex<double>(1, -2));
  check_round_trip(std::vector<double>{});
  check_round_trip(std::vector<bool>{true, false, true});
  check_round_trip(std::vector<std::vector<int>>{{1}, {}, {2, 3}});
  check_round_trip(std::deque<std::string>{"a", ""});
  check_round_trip(std::list<float>{1, 2});
  check_round_trip(std::array<std::int16_t, 3>{1, 2, 3});
  check_round_trip(std::pair<int, std::string>{1, "one"});
  check_round_trip(std::tuple<>{});
  check_round_trip(std::tuple<int, double, std::string>{1, 2.5, "three"});
  STATIC_REQUIRE(size_of_each<std::tuple<int>>() == 4);
  check_round_trip(std::optional<int>{});
  check_round_trip(std::optional<std::string>{"here"});
  check_round_trip(std::variant<std::monostate, int, std::string>{"text"});
  check_round_trip(std::variant<std::monostate, int, std::string>{});
  check_round_trip(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  check_round_trip(std::multimap<int, int>{{1, 1}, {1, 2}});
  check_round_trip(std::unordered_map<int, double>{{1, 1.5}, {2, 2.5}});
  check_round_trip(std::set<std::string>{"x", "y"});
  check_round_trip(std::unordered_set<int>{5, 6, 7});
  CHECK(std::isnan(decode<double>(bytes_of(std::nan("")))));
}

TEST_CASE("values without a fixed layout go through Boost.Serialization") {
  const types::Model model{1.5, 3, {"a", "bc"}, 7};
  check_round_trip(model);
  check_round_trip(std::vector<types::Model>{model, {}});
  check_round_trip(std::map<std::string, types::Model>{{"m", model}});
  check_round_trip(std::tuple<int, types::Model>{1, model});
  check_round_trip(std::optional<types::Model>{model});
  check_round_trip(std::optional<types::Model>{});
  check_round_trip(std::variant<int, types::Model>{model});
}

TEST_CASE("a pointer to a base brings its derived object along") {
  const std::unique_ptr<types::Shape> square = std::make_unique<types::Square>(3);
  CHECK(decode<std::unique_ptr<types::Shape>>(bytes_of(square))->area() == 9);
  const std::shared_ptr<types::Shape> shared = std::make_shared<types::Square>(2);
  const auto both = decode<std::vector<std::shared_ptr<types::Shape>>>(bytes_of(std::vector{shared, shared}));
  CHECK(both[0]->area() == 4);
  CHECK(both[0] == both[1]);
}

TEST_CASE("equal values have equal bytes") {
  std::unordered_map<std::string, int> forwards;
  std::unordered_map<std::string, int> backwards(1000);
  for (int i = 0; i < 100; ++i) forwards[std::to_string(i)] = i;
  for (int i = 100; i-- > 0;) backwards[std::to_string(i)] = i;
  CHECK(bytes_of(forwards) == bytes_of(backwards));

  // A long double has padding, which holds whatever was there before.
  alignas(long double) char dirty[sizeof(long double)];
  std::memset(dirty, 0x55, sizeof dirty);
  const auto* const value = new (dirty) long double(1.5L);
  CHECK(bytes_of(*value) == bytes_of(1.5L));
}

TEST_CASE("the layout of numbers is little-endian") {
  CHECK(bytes_of(std::uint32_t{0x01020304}) == std::string("\x04\x03\x02\x01"));
  CHECK(bytes_of(1.0) == std::string("\0\0\0\0\0\0\xf0\x3f", 8));
  CHECK(bytes_of(std::string("hi")) == std::string("\2\0\0\0\0\0\0\0hi", 10));
}

TEST_CASE("schemas name types alike for every compiler") {
  CHECK(schema<double>() == "f64");
  CHECK(schema<std::int32_t>() == "i32");
  CHECK(schema<bool>() == "bool");
  CHECK(schema<void>() == "void");
  CHECK(schema<std::tuple<int, std::string>>() == "(i32,str)");
  CHECK(schema<std::pair<int, std::string>>() == "(i32,str)");
  CHECK(schema<std::map<std::string, std::vector<float>>>() == "{str:[f32]}");
  CHECK(schema<std::unordered_set<int>>() == "{i32}");
  CHECK(schema<std::array<double, 3>>() == "[f64;3]");
  CHECK(schema<std::optional<std::variant<int, bool>>>() == "<i32|bool>?");
  CHECK(schema<types::Model>() == "boost:types::Model");
}

TEST_CASE("bytes that are no value are refused, without a crash and without a huge allocation") {
  const std::vector<std::string> samples = {bytes_of(std::vector<std::string>{"a", "bc"}),
                                            bytes_of(std::map<int, double>{{1, 2}}),
                                            bytes_of(types::Model{1, 2, {"x"}, 3})};
  const auto decode_any = [](std::size_t which, std::string_view bytes) {
    if (which == 0) (void)decode<std::vector<std::string>>(bytes);
    if (which == 1) (void)decode<std::map<int, double>>(bytes);
    if (which == 2) (void)decode<types::Model>(bytes);
  };
  for (std::size_t which = 0; which < samples.size(); ++which) {
    const std::string& sample = samples[which];
    for (std::size_t size = 0; size < sample.size(); ++size)
      CHECK_THROWS_AS(decode_any(which, std::string_view(sample).substr(0, size)), tasker::DamagedError);
    CHECK_THROWS_AS(decode_any(which, sample + '\0'), tasker::DamagedError);
    for (std::size_t bit = 0; bit < 8 * sample.size(); ++bit) {
      std::string flipped = sample;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      try {
        decode_any(which, flipped);  // another value, or an exception: which one is for checksums to tell
      } catch (const std::exception&) {
      }
    }
  }
}

TEST_CASE("elements that take no bytes are not counted for ever") {
  const auto count = [](std::uint64_t n) { return bytes_of(n); };
  CHECK(decode<std::vector<std::monostate>>(count(65536)).size() == 65536);
  CHECK_THROWS_AS(decode<std::vector<std::monostate>>(count(65537)), tasker::DamagedError);
  CHECK_THROWS_AS(decode<std::set<std::tuple<>>>(count(UINT64_MAX)), tasker::DamagedError);
}

namespace {

struct Tag {
  template <class Archive>
  void serialize(Archive&, unsigned) {}
  bool operator==(const Tag&) const = default;
};

/// Whether it is refused when it is written; otherwise it is read back.
template <class T>
bool refused(const T& value) {
  std::string bytes;
  try {
    bytes = bytes_of(value);
  } catch (const tasker::UsageError& error) {
    CHECK_THAT(error.what(), Catch::Contains("70000 elements that write no bytes can't be stored"));
    return true;
  }
  CHECK(bool(decode<T>(bytes) == value));  // bool: who wants to read so many
  return false;
}

}  // namespace

TEST_CASE("so many elements without bytes as could not be read are refused when they are written") {
  const auto check = []<class Element>(Element) {
    const std::vector<Element> few(65536);
    const std::vector<Element> many(70000);
    CHECK_FALSE(refused(few));
    CHECK(refused(many));
    CHECK_FALSE(refused(std::vector{few, few}));
    CHECK(refused(std::vector{few, many}));
    CHECK(refused(std::tuple(1, std::optional(many))));
    CHECK(refused(std::map<std::string, std::vector<Element>>{{"a", many}}));
  };
  check(std::monostate());
  check(std::tuple<>());
  check(std::pair<std::tuple<>, std::array<int, 0>>());
  check(Tag());
  // Bytes behind them, whatever they are of, make a count believable.
  CHECK_FALSE(refused(std::vector<types::Model>(70000)));
  CHECK_FALSE(refused(std::tuple(std::vector<Tag>(70000), std::string(5000, 'x'))));
}

namespace serializable {

class Member {
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
struct Inherited : Member {};
struct Function {};
template <class Archive>
void serialize(Archive&, Function&, unsigned) {}
struct Nothing {
  explicit Nothing(int);
};
struct FromFunction : Function {};

}  // namespace serializable

TEST_CASE("what has no serialize is known, so that one sentence can say so") {
  using namespace serializable;
  STATIC_REQUIRE(Serializable<Member>);
  STATIC_REQUIRE(Serializable<Inherited>);
  STATIC_REQUIRE(Serializable<const serializable::Function>);
  STATIC_REQUIRE(Serializable<types::Shape>);
  STATIC_REQUIRE(Serializable<std::shared_ptr<types::Shape>>);
  STATIC_REQUIRE(Serializable<std::tuple<int, Member>>);
  STATIC_REQUIRE(Serializable<std::variant<int, Member>>);
  STATIC_REQUIRE(Serializable<const boost::serialization::nvp<Member>>);
  STATIC_REQUIRE_FALSE(Serializable<Nothing>);
  STATIC_REQUIRE_FALSE(Serializable<FromFunction>);
  STATIC_REQUIRE_FALSE(Serializable<std::string_view>);
  STATIC_REQUIRE(Serializable<types::Shape*>);
  STATIC_REQUIRE_FALSE(Serializable<Nothing*>);
  STATIC_REQUIRE_FALSE(Serializable<double*>);
  STATIC_REQUIRE_FALSE(Serializable<int (*)(int)>);
}

namespace {

struct Descending {
  bool operator()(int a, int b) const { return a > b; }
};
struct Modulo {
  int by = 10;
  bool operator()(int a, int b) const { return a % by < b % by; }
  std::size_t operator()(int a) const { return static_cast<std::size_t>(a % by); }
};
struct HasOne {
  std::set<int, bool (*)(int, int)> set{[](int a, int b) { return a > b; }};
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    for (int i : set) archive& i;
  }
};

}  // namespace

TEST_CASE("a container that can't be made from nothing is known, so that one sentence can say so") {
  STATIC_REQUIRE(Fixed<std::set<int, Descending>>);
  STATIC_REQUIRE(Fixed<std::map<int, int, std::greater<>>>);
  STATIC_REQUIRE(Serializable<HasOne>);
  const auto refused = []<class T>(std::type_identity<T>) { return !Fixed<T> && !Serializable<T>; };
  CHECK(refused(std::type_identity<std::set<int, bool (*)(int, int)>>()));
  CHECK(refused(std::type_identity<std::set<int, Modulo>>()));
  CHECK(refused(std::type_identity<std::map<int, double, std::function<bool(int, int)>>>()));
  CHECK(refused(std::type_identity<std::map<int, types::Model, bool (*)(int, int)>>()));
  CHECK(refused(std::type_identity<std::multimap<int, types::Shape*, Modulo>>()));
  CHECK(refused(std::type_identity<std::unordered_set<int, Modulo>>()));
  CHECK(refused(std::type_identity<std::unordered_map<int, int, std::hash<int>, bool (*)(int, int)>>()));
  CHECK(refused(std::type_identity<std::priority_queue<int, std::vector<int>, Modulo>>()));
  CHECK(refused(std::type_identity<std::pmr::vector<int>>()));
  check_round_trip(std::set<int, Descending>{1, 2, 3});
}

namespace {

/// As Boost's tutorial has it.
class Private {
 public:
  explicit Private(int x) : x_(x) {}
  bool operator==(const Private&) const = default;

 private:
  friend class boost::serialization::access;
  Private() = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x_;
  }
  int x_ = 0;
};

/// Without any default constructor.
struct Sized {
  explicit Sized(int n) : size(n) {}
  bool operator==(const Sized&) const = default;
  const int size;
  double value = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
  }
};
template <class Archive>
void save_construct_data(Archive& archive, const Sized* sized, unsigned) {
  archive << sized->size;
}
template <class Archive>
void load_construct_data(Archive& archive, Sized* sized, unsigned) {
  int size = 0;
  archive >> size;
  ::new (sized) Sized(size);
}

struct NoDefault {
  explicit NoDefault(int) {}
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

template <class T>
void check_everywhere(const T& value) {
  check_round_trip(value);
  check_round_trip(std::vector<T>{value, value});
  check_round_trip(std::optional<T>(value));
  check_round_trip(std::optional<T>());
  check_round_trip(std::variant<int, T>(value));
  CHECK(*decode<std::unique_ptr<T>>(bytes_of(std::make_unique<T>(value))) == value);
}

}  // namespace

TEST_CASE("a class that only Boost can make is read as Boost makes it") {
  check_everywhere(Private(7));
  Sized sized(3);
  sized.value = 2.5;
  check_round_trip(sized);
  CHECK(decode<std::unique_ptr<Sized>>(bytes_of(std::make_unique<Sized>(4)))->size == 4);
  check_round_trip(std::optional<Sized>(sized));
  STATIC_REQUIRE_FALSE(Makeable<NoDefault>);
  STATIC_REQUIRE_FALSE(Makeable<std::pair<int, NoDefault>>);
}
