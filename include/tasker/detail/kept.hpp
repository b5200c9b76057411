#pragma once

#include <tasker/error.hpp>

#include <concepts>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tasker::detail {

/// The type as which a value is kept: somebody else's text as a string, what a tuple refers to as a value.
template <class T>
struct Kept {
  using type = T;
};
template <class T>
using KeptAs = typename Kept<std::remove_cvref_t<T>>::type;

template <class Text>
  requires std::same_as<Text, std::string_view> || std::same_as<std::decay_t<Text>, char*> ||
           std::same_as<std::decay_t<Text>, const char*>
struct Kept<Text> {
  using type = std::string;
};
template <>
struct Kept<std::vector<bool>::reference> {
  using type = bool;
};
template <class... Ts>
struct Kept<std::tuple<Ts...>> {
  using type = std::tuple<KeptAs<Ts>...>;
};
template <class A, class B>
struct Kept<std::pair<A, B>> {
  using type = std::pair<KeptAs<A>, KeptAs<B>>;
};

template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };

/// `value` as a `K`; a reference to it if it is one. Throws UsageError for a char* that is null.
template <class K, class T>
decltype(auto) kept(T&& value) {
  using From = std::remove_cvref_t<T>;
  if constexpr (std::same_as<K, From>) {
    return static_cast<const K&>(value);
  } else if constexpr (std::same_as<K, std::string> && std::is_array_v<From>) {
    return std::string(value, ::strnlen(value, std::extent_v<From>));
  } else if constexpr (std::same_as<K, std::string> && std::is_pointer_v<From>) {
    if (value == nullptr) throw UsageError("a char* is null, so there is no text to keep");
    return std::string(value);
  } else if constexpr (TupleLike<K> && TupleLike<From>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return K(detail::kept<std::tuple_element_t<I, K>>(std::get<I>(std::forward<T>(value)))...);
    }(std::make_index_sequence<std::tuple_size_v<K>>());
  } else {  // a proxy, such as that of std::vector<bool>
    return static_cast<K>(value);
  }
}

}  // namespace tasker::detail
