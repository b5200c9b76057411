#include <tasker/tasker.hpp>

#include <catch2/catch.hpp>

#include <any>
#include <cstring>
#include <memory>

using namespace tasker::detail;

namespace plain_test {

template <class T>
std::string bytes_of(const T& value) {
  std::string bytes;
  encode(bytes, value);
  return bytes;
}

template <class T>
T round_trip(const T& value) {
  return decode<T>(bytes_of(value));
}

template <class T>
void check_round_trip(const T& value) {
  CAPTURE(schema<T>());
  CHECK(round_trip(value) == value);
}

enum class Colour : std::int16_t { red, green };

struct At {
  double x = 0;
  double y = 0;
  bool operator==(const At&) const = default;
};
struct Row {
  double beta;
  int size;
  At at;
  bool operator==(const Row&) const = default;
};
struct Empty {
  bool operator==(const Empty&) const = default;
};
struct One {
  std::string text;
  bool operator==(const One&) const = default;
};
struct Packed {
  std::int32_t number;
  float ratio;
  Colour colour;
  std::array<std::int8_t, 2> two;
  std::uint32_t rest;
  bool operator==(const Packed&) const = default;
};
struct Rich {
  bool is_true = false;
  char letter = 'x';
  long double wide = 0;
  Colour colour = Colour::red;
  std::string text;
  std::filesystem::path path;
  std::complex<float> complex;
  std::vector<At> ats;
  std::vector<bool> bits;
  std::array<Row, 2> rows = {};
  std::map<std::string, At> map;
  std::optional<Row> row;
  std::variant<std::monostate, int, One> either;
  std::tuple<int, One> both;
  Empty empty;
  const int constant = 7;
  bool operator==(const Rich&) const = default;
};
class NoDefault {
 public:
  explicit NoDefault(int) {}

 private:
  friend class boost::serialization::access;
  NoDefault() = default;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
struct Constant {
  const int first;
  const At second;
  bool operator==(const Constant&) const = default;
};
struct MoveOnly {
  std::optional<At> at;
  std::unique_ptr<At> value;
};
struct Many {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z;
  int aa, bb, cc, dd, ee, last_of_32;
};
namespace {
struct Unnamed {
  int inside;
  bool operator==(const Unnamed&) const = default;
};
}  // namespace
struct Sealed final {
  double value = 0;
  bool operator==(const Sealed&) const = default;
};

template <class T>
std::string names() {
  std::string all;
  for (const std::string_view name : member_names<T>) all += concat({name, " "});
  return all;
}

TEST_CASE("A plain struct comes back as it was") {
  check_round_trip(Empty());
  check_round_trip(One{"text"});
  check_round_trip(Row{0.5, 3, {1, 2}});
  check_round_trip(Packed{-1, 0.5f, Colour::green, {1, 2}, 7});
  check_round_trip(Sealed{2});
  check_round_trip(std::optional(Unnamed{2}));
  check_round_trip(Constant{1, {2, 3}});
  CHECK(round_trip(MoveOnly{At(), std::make_unique<At>(At{1, 2})}).value->y == 2);
  Rich rich;
  rich.is_true = true;
  rich.wide = 1.5L;
  rich.text = "text";
  rich.path = "/a";
  rich.ats = {{1, 2}, {3, 4}};
  rich.bits = {true};
  rich.rows[1] = {1, 2, {3, 4}};
  rich.map["a"] = {5, 6};
  rich.row = Row{1, 2, {}};
  rich.either = One{"one"};
  rich.both = {3, One{"two"}};
  check_round_trip(rich);
}

TEST_CASE("Plain structs are parts of everything") {
  const Row row{0.5, 3, {1, 2}};
  check_round_trip(std::vector{row, row});
  check_round_trip(std::vector<Packed>(3, Packed{-1, 0.5f, Colour::green, {1, 2}, 7}));
  check_round_trip(std::deque<At>{{1, 2}, {3, 4}});
  check_round_trip(std::array{row, row});
  check_round_trip(std::array{Constant{1, {}}, Constant{2, {3, 4}}});
  check_round_trip(std::optional(row));
  check_round_trip(std::optional(Constant{1, {}}));
  check_round_trip(std::tuple(1, row));
  check_round_trip(std::variant<int, Row>(row));
  check_round_trip(std::map<int, Row>{{1, row}});
  CHECK(round_trip(std::vector<Constant>{{1, {2, 3}}})[0] == Constant{1, {2, 3}});
  CHECK(*round_trip(std::make_unique<Row>(row)) == row);
}

TEST_CASE("The schema of a plain struct has the names of its members") {
  struct Local {
    float inside;
    std::vector<At> ats;
  };
  CHECK(schema<Row>() == "(beta=f64,size=i32,at=(x=f64,y=f64))");
  CHECK(schema<Empty>() == "()");
  CHECK(schema<One>() == "(text=str)");
  CHECK(schema<Unnamed>() == "(inside=i32)");
  CHECK(schema<Local>() == "(inside=f32,ats=[(x=f64,y=f64)])");
  CHECK(schema<std::optional<At>>() == "(x=f64,y=f64)?");
  CHECK(schema<Packed>() == "(number=i32,ratio=f32,colour=i16,two=[i8;2],rest=u32)");
  CHECK(names<Rich>() ==
        "is_true letter wide colour text path complex ats bits rows map row either both empty constant ");
  STATIC_REQUIRE(member_count<Rich> == 16);
  STATIC_REQUIRE(member_count<Many> == 32);
  STATIC_REQUIRE(member_names<Many>[31] == "last_of_32");
}

TEST_CASE("The layout of a plain struct is that of its members, one after the other") {
  const Row row{0.5, 3, {1, 2}};
  CHECK(bytes_of(row) == bytes_of(0.5) + bytes_of(3) + bytes_of(1.0) + bytes_of(2.0));
  CHECK(bytes_of(Packed{-1, 0.5f, Colour::green, {1, 2}, 7}) ==
        bytes_of(-1) + bytes_of(0.5f) + bytes_of(Colour::green) + "\1\2" + bytes_of(7));
  CHECK(bytes_of(std::vector<At>{{1, 2}, {3, 4}}) ==
        bytes_of(std::uint64_t{2}) + bytes_of(std::vector<double>{1, 2, 3, 4}).substr(8));
  STATIC_REQUIRE(Codec<Row>::least == 28);
  STATIC_REQUIRE(Codec<One>::least == 8);
  STATIC_REQUIRE(Codec<Empty>::least == 0);
  STATIC_REQUIRE(size_of_each<Row>() == 28);
  STATIC_REQUIRE_FALSE(size_of_each<One>());
  STATIC_REQUIRE(AsInMemory<At>);
  STATIC_REQUIRE(AsInMemory<Packed>);
  STATIC_REQUIRE(AsInMemory<std::array<At, 3>>);
  STATIC_REQUIRE_FALSE(AsInMemory<Row>);
  STATIC_REQUIRE_FALSE(AsInMemory<Empty>);
  STATIC_REQUIRE_FALSE(AsInMemory<bool>);
}

TEST_CASE("Equal structs have equal bytes, whatever is in their padding") {
  const auto bytes_over = [](int dirt) {
    alignas(Row) char memory[sizeof(Row)];
    std::memset(memory, dirt, sizeof memory);
    auto* const row = new (memory) Row;
    row->beta = 1;
    row->size = 2;
    row->at = {3, 4};
    return bytes_of(*row);
  };
  CHECK(bytes_over(0) == bytes_over(0x55));
}

TEST_CASE("Bytes that are no struct are refused") {
  const std::string bytes = bytes_of(std::pair(Row{1, 2, {}}, One{"text"}));
  using Pair = std::pair<Row, One>;
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_THROWS_AS(decode<Pair>(std::string_view(bytes).substr(0, size)), tasker::DamagedError);
  CHECK_THROWS_AS(decode<Pair>(bytes + '\0'), tasker::DamagedError);
  CHECK_THROWS_AS(decode<At>(std::string(15, '\0')), tasker::DamagedError);
  CHECK_THROWS_AS(decode<std::vector<At>>(bytes_of(std::uint64_t{1} << 60)), tasker::DamagedError);
  CHECK_THROWS_AS(decode<std::vector<Empty>>(bytes_of(std::uint64_t{70000})), tasker::DamagedError);
}

namespace serializing {

struct Member {
  int x = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x;
  }
};
struct Private {
  int x = 0;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x;
  }
};
struct Function {
  int x = 0;
};
template <class Archive>
void serialize(Archive& archive, Function& value, const unsigned) {
  archive& value.x;
}
struct Versioned {
  int x = 0;
};
template <class Archive>
void serialize(Archive& archive, Versioned& value, const boost::serialization::version_type) {
  archive& value.x;
}
struct InBoost {
  int x = 0;
};
struct Derived : Member {};
struct Final final {
  int x = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x;
  }
};
struct OptedOut {
  int x = 0;
};
struct Mixed {
  int number = 0;
  Member member;
  std::shared_ptr<Row> row;
  std::vector<Function> functions;
};
struct List {
  int value = 0;
  std::unique_ptr<List> next;
};

}  // namespace serializing

}  // namespace plain_test

namespace boost::serialization {
template <class Archive>
void serialize(Archive& archive, plain_test::serializing::InBoost& value, const unsigned) {
  archive& value.x;
}
}  // namespace boost::serialization

template <>
inline constexpr bool tasker::plain<plain_test::serializing::OptedOut> = false;

namespace plain_test {

TEST_CASE("A struct with a serialize goes through Boost.Serialization") {
  using namespace serializing;
  const auto is_boosts = []<class T>(T value) {
    STATIC_REQUIRE_FALSE(Aggregate<T>);
    STATIC_REQUIRE_FALSE(Fixed<T>);
    STATIC_REQUIRE(Serializable<T>);
    value.x = 5;
    CHECK(round_trip(value).x == 5);
    CHECK(schema<T>().starts_with("boost:plain_test::serializing::"));
  };
  is_boosts(Member());
  is_boosts(Private());
  is_boosts(serializing::Function());
  is_boosts(Versioned());
  is_boosts(InBoost());
  is_boosts(Derived());
  is_boosts(Final());
  STATIC_REQUIRE_FALSE(Storable<OptedOut>);
}

TEST_CASE("A struct with such members is taken apart, and its members go their own ways") {
  using namespace serializing;
  Mixed mixed{1, {2}, std::make_shared<Row>(Row{3, 4, {5, 6}}), {{7}, {8}}};
  const Mixed again = round_trip(mixed);
  CHECK(again.number == 1);
  CHECK(again.member.x == 2);
  CHECK(*again.row == *mixed.row);
  CHECK(again.functions[1].x == 8);
  CHECK(schema<Mixed>() == "boost:plain_test::serializing::Mixed");
  CHECK(round_trip(std::vector(2, mixed))[1].row->size == 4);
  CHECK(round_trip(List{1, std::make_unique<List>(List{2, nullptr})}).next->value == 2);
}

namespace flawed {

struct Base {
  int b;
};
struct Derived : Base {
  int x;
};
struct Nothing : Empty {};
struct BitField {
  int a : 3;
  int b;
};
struct Reference {
  int a;
  int& b;
};
struct ConstReference {
  const int& a;
};
struct Pointer {
  int a;
  double* b;
};
struct Array {
  int a;
  double b[3];
  std::string c;
};
struct ArrayOfOne {
  int a[1];
};
struct ArrayBehindNoDefault {
  NoDefault a;
  std::string b[2];
};
struct Text {
  char text[64];
};
union Number {
  int a;
  float b;
};
struct Union {
  int a;
  Number b;
};
struct Anonymous {
  int a;
  union {
    int b;
    float c;
  };
};
struct Tree {
  std::vector<Tree> children;
};
struct Forest {
  std::map<std::string, std::pair<int, std::vector<Tree>>> trees;
};
struct Any {
  std::any a;
  int b;
};
struct View {
  std::string_view text;
};

}  // namespace flawed

TEST_CASE("What can't be taken apart is known, so that one sentence can say so") {
  using namespace flawed;
  STATIC_REQUIRE(flaw<Derived> == Flaw::base);
  STATIC_REQUIRE(flaw<flawed::Nothing> == Flaw::base);
  STATIC_REQUIRE(flaw<flawed::BitField> == Flaw::bit_field);
  STATIC_REQUIRE(flaw<Reference> == Flaw::reference);
  STATIC_REQUIRE(flaw<ConstReference> == Flaw::reference);
  STATIC_REQUIRE(flaw<Pointer> == Flaw::pointer);
  STATIC_REQUIRE(flaw<Array> == Flaw::array);
  STATIC_REQUIRE(flaw<ArrayOfOne> == Flaw::array);
  STATIC_REQUIRE(flaw<ArrayBehindNoDefault> == Flaw::array);
  STATIC_REQUIRE(flaw<Text> == Flaw::many);
  STATIC_REQUIRE(flaw<flawed::Union> == Flaw::in_union);
  STATIC_REQUIRE(flaw<Anonymous> == Flaw::in_union);
  STATIC_REQUIRE(flaw<Tree> == Flaw::recursion);
  STATIC_REQUIRE(flaw<Forest> == Flaw::recursion);
  STATIC_REQUIRE(flaw<Any> == Flaw::none);  // which is not a base
  STATIC_REQUIRE_FALSE(Storable<Any>);
  STATIC_REQUIRE_FALSE(Storable<View>);
  STATIC_REQUIRE_FALSE(Storable<Tree>);
  STATIC_REQUIRE_FALSE(Fixed<std::vector<Pointer>>);
}

}  // namespace plain_test
