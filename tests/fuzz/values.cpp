// Bytes that are decoded as arguments and results: the first says as which type.
#include "fuzz/fuzz.hpp"

#include <tasker/detail/archive.hpp>

#include <boost/serialization/map.hpp>
#include <boost/serialization/vector.hpp>

#include <cstdlib>

namespace tasker::fuzz {

namespace {

struct Model {
  int number = 0;
  std::vector<double> weights;
  std::map<std::string, std::optional<std::string>> notes;
  template <class A>
  void serialize(A& archive, unsigned) {
    archive& number& weights& notes;
  }
};

struct Row {
  std::int16_t size = 0;
  float weight = 0;
  std::string name;
  std::optional<std::pair<int, bool>> more;
};
struct Mixed {
  Row row;
  Model model;
};

enum class Colour : std::uint16_t { red, green };

/// What is understood can be said again, in the same way ever after.
template <class T>
void look(std::string_view bytes) {
  const auto encoded = [](const T& value) {
    std::string out;
    detail::encode(out, value);
    return out;
  };
  const std::string again = encoded(detail::decode<T>(bytes));
  if (encoded(detail::decode<T>(again)) != again) std::abort();
}

using Look = void (*)(std::string_view);
constexpr Look types[] = {
    look<std::string>,
    look<std::vector<std::uint8_t>>,
    look<std::vector<bool>>,
    look<std::vector<std::vector<std::string>>>,
    look<std::map<std::string, std::vector<std::optional<int>>>>,
    look<std::unordered_map<std::string, std::list<long double>>>,
    look<std::multiset<std::pair<Colour, char>>>,
    look<std::unordered_set<std::string>>,
    look<std::tuple<std::complex<float>, std::array<std::deque<std::int16_t>, 3>, std::filesystem::path>>,
    look<std::optional<std::variant<std::monostate, double, std::vector<std::variant<int, std::string>>>>>,
    look<Model>,
    look<std::vector<Model>>,
    look<std::tuple<Model, std::optional<Model>, std::variant<int, Model>>>,
    look<std::map<std::string, std::vector<Model>>>,
    look<std::vector<std::monostate>>,
    look<Row>,
    look<std::map<int, std::vector<Row>>>,
    look<Mixed>,
};

}  // namespace

void use(std::string_view input) {
  if (input.empty()) return;
  const auto type = static_cast<std::uint8_t>(input[0]) % std::size(types);
  accepts([&] { types[type](input.substr(1)); });
}

void repair(std::string&) {}  // values have no checksum of their own

}  // namespace tasker::fuzz
