#include "support/call.hpp"

#include <catch2/catch.hpp>

// A program has functions of its own, with whatever names, beside its classes, where a call that is not
// qualified finds them: none of the library's own calls may.

namespace app {

struct Model {
  int x = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x;
  }
  bool operator==(const Model&) const = default;
};
struct Other : Model {
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::base_object<Model>(*this);
  }
};

// One that fits better than the library's, and would make all models equal.
inline void encode(std::string& out, const Model&) { out = "a model"; }
inline void append_part(std::string& out, const Model&) { out = "a model"; }
inline Model decode(const std::string_view&) { return {}; }

// Templates that fit everything.
struct Nothing {};
#define TASKER_TEST_OWN(name)     \
  template <class... Ts>          \
  Nothing name(Ts&&...) {         \
    return {};                    \
  }                               \
  template <class T, class... Ts> \
  Nothing name(const Ts&...) {    \
    return {};                    \
  }                               \
  static_assert(true)
TASKER_TEST_OWN(added);
TASKER_TEST_OWN(invoke);
TASKER_TEST_OWN(call_fn);
TASKER_TEST_OWN(apply);
TASKER_TEST_OWN(schema);
TASKER_TEST_OWN(schemas);
TASKER_TEST_OWN(concat);
TASKER_TEST_OWN(put);
TASKER_TEST_OWN(little_endian);
TASKER_TEST_OWN(execute);
TASKER_TEST_OWN(make_call);
TASKER_TEST_OWN(add_to_call);
TASKER_TEST_OWN(digest_of);
TASKER_TEST_OWN(class_name);
TASKER_TEST_OWN(require_storable);
TASKER_TEST_OWN(move);
TASKER_TEST_OWN(forward);
TASKER_TEST_OWN(exchange);
TASKER_TEST_OWN(visit);
TASKER_TEST_OWN(get);
#undef TASKER_TEST_OWN
template <class T>
void encode(std::string& out, const T&) {
  out = "anything";
}
template <class T>
T decode(const std::string_view&) {
  return {};
}

/// For people: an archive is no stream.
template <class Stream>
Stream& operator<<(Stream& stream, const Model& model) {
  return stream << "Model of " << model.x;
}
template <class Stream>
Stream& operator>>(Stream& stream, Model&) {
  return stream;
}

struct Holder {
  Model model;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& model;
  }
};

struct Twice {
  Model operator()(const Model& model) const { return {2 * model.x}; }
};

}  // namespace app

using tasker::test::results_of;

TEST_CASE("classes of a program that has functions named as the library's are stored as what they are") {
  const std::vector<app::Model> models{{1}, {2}, {3}};
  CHECK(results_of(app::Twice(), models) == std::vector<app::Model>{{2}, {4}, {6}});
  CHECK(results_of([](app::Model model) { return std::optional(model); }, models)[2] == app::Model{3});
  CHECK(results_of([](app::Model model) { return std::tuple(model, 1); }, models)[1] ==
        std::tuple(app::Model{2}, 1));
  CHECK(results_of([](app::Model model) { return std::variant<int, app::Model>(model); }, models)[1] ==
        std::variant<int, app::Model>(app::Model{2}));
  CHECK(results_of([](app::Model model) { return app::Holder{model}; }, models)[2].model == app::Model{3});
  CHECK(results_of([](app::Other model) { return model.x; }, std::vector<app::Other>(2)) ==
        std::vector<int>{0, 0});
  CHECK(results_of([](app::Model a, int b) { return a.x * b; },
                   std::vector<std::pair<app::Model, int>>{{{2}, 3}}) == std::vector<int>{6});
}

TEST_CASE("digests and states tell such classes apart") {
  CHECK(tasker::digest(1.0, app::Model{1}) != tasker::digest(5.0, app::Model{1}));
  CHECK(tasker::digest(app::Model{1}) != tasker::digest(app::Model{2}));
  CHECK(tasker::digest(app::Model{1}, 5) == tasker::digest(app::Model{1}, 5));
  const auto saved = [](int x, tasker::Context& context) {
    context.save(app::Model{x});
    return context.load<app::Model>().value().x;
  };
  CHECK(results_of(saved, std::vector<int>{7, 8}) == std::vector<int>{7, 8});
}
