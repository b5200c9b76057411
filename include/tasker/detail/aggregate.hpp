#pragma once

#include <tasker/detail/has_serialize.hpp>
#include <tasker/detail/kept.hpp>
#include <tasker/detail/members.hpp>
#include <tasker/plain.hpp>

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

/// Structs that are stored member by member, and why others can't be.
namespace tasker::detail {

/// A struct with nothing but members, about whose value nobody says otherwise.
template <class T>
concept Aggregate = std::is_class_v<T> && std::is_aggregate_v<T> && std::same_as<T, std::remove_cv_t<T>> &&
                    plain<T> && !TupleLike<T> && !has_member_serialize<T>() && !HasSerializeFunction<T>;

/// What hides the members of a struct, or is no value.
enum class Flaw { none, base, bit_field, reference, pointer, array, in_union, many, recursion };

template <class T>
struct OnlyBaseOf {
  template <class B>
    requires(std::is_base_of_v<B, T> && !std::same_as<B, T>)
  operator B() const;
};
struct OnlyUnion {
  template <class U>
    requires std::is_union_v<U>
  operator U() const;
};
struct Unwanted {};

/// Whether the initializer at `I` may be an `Only`, and not because it may be anything at all, as for
/// std::any.
template <class T, std::size_t I, class Only>
consteval bool takes_only() {
  constexpr std::size_t behind = member_count<T> - I - 1;
  if constexpr (made_of<T, I, behind, Only>)
    return !made_of<T, I, behind, Unwanted>;
  else
    return false;
}

/// Whether the initializer at `I` may be a list of this length, and so many follow.
template <class T, std::size_t I, std::size_t Behind, std::size_t Length>
inline constexpr bool takes_list =
    []<std::size_t... B, std::size_t... L, std::size_t... A>(
        std::index_sequence<B...>, std::index_sequence<L...>, std::index_sequence<A...>) {
      return requires { T{Anything(B)..., {Anything(L)...}, Anything(A)...}; };
    }(std::make_index_sequence<I>(), std::make_index_sequence<Length>(), std::make_index_sequence<Behind>());

/// Whether the initializers from `I` on are the `Length` elements of a C array: a list takes the place of all
/// of them, and of no fewer.
template <class T, std::size_t I, std::size_t Length>
consteval bool is_array_at() {
  constexpr std::size_t count = member_count<T>;
  if constexpr (Length < 2 || takes_list<T, I, count - I - 1, 0>)
    return false;
  else if constexpr (takes_list<T, I, count - I - Length, Length>)
    return !takes_list<T, I, count - I - 1, Length>;
  else
    return detail::is_array_at<T, I, Length - 1>();
}

/// What keeps the compiler from naming the members.
template <class T>
consteval Flaw flaw_of_shape() {
  constexpr std::size_t count = member_count<T>;
  if constexpr (count == no_members_fit)
    return Flaw::reference;
  else if constexpr (count == too_many_members)
    return Flaw::many;
  else if constexpr (count == 0)
    return Flaw::none;
  else
    return []<std::size_t... I>(std::index_sequence<I...>) {
      if constexpr (takes_only<T, 0, OnlyBaseOf<T>>())
        return Flaw::base;
      else if constexpr ((takes_only<T, I, OnlyUnion>() || ...))
        return Flaw::in_union;
      else if constexpr (Members<count>::template takes_braces<T>)
        return Flaw::none;
      else
        return (is_array_at<T, I, count - I>() || ...) ? Flaw::array : Flaw::none;
    }(std::make_index_sequence<count>());
}
template <class T>
inline constexpr Flaw shape_flaw = detail::flaw_of_shape<T>();

/// Types of what a `T` contains: Types<...>.
template <class T>
struct Parts {
  using types = Types<>;
};
template <class T>
  requires(!Aggregate<T>) && requires { typename T::value_type; } &&
          (!std::same_as<typename T::value_type, T>)
struct Parts<T> {
  using types = Types<typename T::value_type>;
};
template <class A, class B>
struct Parts<std::pair<A, B>> {
  using types = Types<A, B>;
};
template <class... Ts>
struct Parts<std::tuple<Ts...>> {
  using types = Types<Ts...>;
};
template <class... Ts>
struct Parts<std::variant<Ts...>> {
  using types = Types<Ts...>;
};
template <Aggregate T>
  requires(shape_flaw<T> == Flaw::none && !std::is_void_v<MemberTypes<T>>)
struct Parts<T> {
  using types = MemberTypes<T>;
};
template <class T>
using PartsOf = typename Parts<std::remove_cvref_t<T>>::types;

/// Whether a `T` contains a `T`, or an `Outer`.
template <class T, class... Outer>
consteval bool is_recursive() {
  if constexpr ((std::same_as<T, Outer> || ...))
    return true;
  else
    return []<class... Ps>(Types<Ps...>) {
      return (detail::is_recursive<std::remove_cvref_t<Ps>, T, Outer...>() || ...);
    }(PartsOf<T>());
}

template <class... Ms>
consteval Flaw flaw_of_members(Types<Ms...>) {
  if ((std::is_reference_v<Ms> || ...)) return Flaw::reference;
  if ((std::is_pointer_v<Ms> || ...)) return Flaw::pointer;
  if ((std::is_array_v<Ms> || ...)) return Flaw::array;
  return Flaw::none;
}

template <Aggregate T>
consteval Flaw flaw_of() {
  if constexpr (shape_flaw<T> != Flaw::none) {
    return shape_flaw<T>;
  } else if constexpr (std::is_void_v<MemberTypes<T>>) {
    return Flaw::bit_field;
  } else if constexpr (constexpr Flaw found = detail::flaw_of_members(MemberTypes<T>());
                       found != Flaw::none) {
    return found;
  } else {
    return detail::is_recursive<T>() ? Flaw::recursion : Flaw::none;
  }
}
template <Aggregate T>
inline constexpr Flaw flaw = detail::flaw_of<T>();

/// A struct that can be taken apart and put together again.
template <class T>
concept Separable = Aggregate<T> && flaw<T> == Flaw::none;

}  // namespace tasker::detail
