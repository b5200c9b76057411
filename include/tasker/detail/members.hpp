#pragma once

#include <boost/preprocessor/repetition/enum.hpp>
#include <boost/preprocessor/repetition/enum_params.hpp>
#include <boost/preprocessor/repetition/repeat_from_to.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

/// What C++20 does not tell of an aggregate: how many members it has, of which types, and their names.
namespace tasker::detail {

template <class... Ts>
struct Types {};

/// Initializes a member of any type, but for C arrays and references to what is not const. Never called;
/// clang++ wants a body where a type is local.
struct Anything {
  explicit Anything(std::size_t);
  template <class T>
  operator T() const {
    std::terminate();
  }
};

template <class T, class... Middle, std::size_t... Before, std::size_t... Behind>
consteval bool is_made_of(std::index_sequence<Before...>, std::index_sequence<Behind...>) {
  return requires { T{Anything(Before)..., std::declval<Middle>()..., Anything(Behind)...}; };
}

/// Whether a `T` can be initialized by this list: anything `Before` times, `Middle`, anything `Behind` times.
template <class T, std::size_t Before, std::size_t Behind = 0, class... Middle>
inline constexpr bool made_of =
    detail::is_made_of<T, Middle...>(std::make_index_sequence<Before>(), std::make_index_sequence<Behind>());

/// More members than these can't be named.
inline constexpr std::size_t most_members = 32;
inline constexpr std::size_t too_many_members = most_members + 1;
inline constexpr std::size_t no_members_fit = most_members + 2;

/// How many initializers the aggregate takes: one for each member, but for each element of a C array, since
/// its braces may be left out. Members that need an initializer make the shortest lists invalid.
template <class T, std::size_t N = 0, bool Found = false>
consteval std::size_t count_members() {
  if constexpr (N > too_many_members)
    return Found ? too_many_members : no_members_fit;
  else if constexpr (made_of<T, N>)
    return detail::count_members<T, N + 1, true>();
  else if constexpr (Found)
    return N - 1;
  else
    return detail::count_members<T, N + 1, false>();
}
template <class T>
inline constexpr std::size_t member_count = detail::count_members<T>();

/// Says which members can be referred to: all but bit-fields.
void refer_to(auto&... members);

/// The only way to the members is to give names to all of them at once. So there is a specialisation for each
/// number of members.
template <std::size_t N>
struct Members;

template <>
struct Members<0> {
  template <class T>
  static constexpr bool takes_braces = true;
  template <class T>
  static Types<> types(T& value);
  template <class T, class F>
  static constexpr decltype(auto) apply(T&, F f) {
    return f();
  }
};

#define TASKER_BRACES(z, i, unused) \
  {}
#define TASKER_DECLTYPE(z, i, unused) decltype(member##i)
#define TASKER_MEMBERS(z, n, unused)                                                         \
  template <>                                                                                \
  struct Members<n> {                                                                        \
    /* Whether n members can be initialized by {}. */                                        \
    template <class T>                                                                       \
    static constexpr bool takes_braces = requires { T{BOOST_PP_ENUM(n, TASKER_BRACES, )}; }; \
    /* Types<...>; void if a member is a bit-field. */                                       \
    template <class T>                                                                       \
    static constexpr auto types(T& value) {                                                  \
      auto& [BOOST_PP_ENUM_PARAMS(n, member)] = value;                                       \
      if constexpr (requires { detail::refer_to(BOOST_PP_ENUM_PARAMS(n, member)); })         \
        return Types<BOOST_PP_ENUM(n, TASKER_DECLTYPE, )>();                                 \
    }                                                                                        \
    /* Calls `f` with all members. */                                                        \
    template <class T, class F>                                                              \
    static constexpr decltype(auto) apply(T& value, F f) {                                   \
      auto& [BOOST_PP_ENUM_PARAMS(n, member)] = value;                                       \
      return f(BOOST_PP_ENUM_PARAMS(n, member));                                             \
    }                                                                                        \
  };
BOOST_PP_REPEAT_FROM_TO(1, 33, TASKER_MEMBERS, )
#undef TASKER_MEMBERS
#undef TASKER_DECLTYPE
#undef TASKER_BRACES

template <class T>
using MembersOf = Members<member_count<std::remove_const_t<T>>>;

/// Calls `f(a, b, ...)` with the members of `value`.
template <class T, class F>
constexpr decltype(auto) with_members(T& value, F f) {
  return MembersOf<T>::apply(value, std::move(f));
}

/// The types of the members, as they are declared: Types<...>.
template <class T>
using MemberTypes = decltype(MembersOf<T>::types(std::declval<T&>()));

/// Names come from the compiler, which spells the address of a member where it is the argument of a template.
namespace spelling {

template <class T>
struct Holder {
  T value;
};
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif
/// Never defined: only addresses in it are needed.
template <class T>
extern const Holder<T> somewhere;

/// The class is for clang++ 16, which takes the address of a member as an argument only within one.
template <class T>
struct Pointer {
  const T* to;
};
template <auto To>
consteval std::string_view spelt() {
  return __PRETTY_FUNCTION__;
}

struct Known {
  int known_name;
};
/// What stands behind the name.
inline constexpr std::size_t tail = [] {
  constexpr std::string_view text = spelt<Pointer<int>{&somewhere<Known>.value.known_name}>();
  constexpr std::string_view name = "known_name";
  return text.size() - text.rfind(name) - name.size();
}();

consteval std::string_view last_name(std::string_view text) {
  text.remove_suffix(tail);
  return text.substr(text.find_last_of(".:") + 1);
}

// Quicker to compile than a std::tuple.
template <std::size_t I, class T>
struct Leaf {
  Pointer<T> pointer;
};
template <class Indices, class... Ts>
struct Leaves;
template <std::size_t... I, class... Ts>
struct Leaves<std::index_sequence<I...>, Ts...> : Leaf<I, Ts>... {};
template <std::size_t I, class T>
consteval Pointer<T> pointer(const Leaf<I, T>& leaf) {
  return leaf.pointer;
}

template <class T, std::size_t... I>
consteval auto names(std::index_sequence<I...> indices) {
  [[maybe_unused]] constexpr auto leaves =
      detail::with_members(somewhere<T>.value, []<class... Ms>(const Ms&... members) {
        return Leaves<decltype(indices), Ms...>{{{std::addressof(members)}}...};
      });
  return std::array<std::string_view, sizeof...(I)>{
      spelling::last_name(spelling::spelt<spelling::pointer<I>(leaves)>())...};
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

}  // namespace spelling

/// The names of the members, in their order.
template <class T>
inline constexpr auto member_names = spelling::names<T>(std::make_index_sequence<member_count<T>>());

}  // namespace tasker::detail
