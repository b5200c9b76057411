#pragma once

#include <tasker/detail/codec.hpp>
#include <tasker/detail/has_serialize.hpp>

#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>

/// Finds out, as far as the compiler can tell, which types can be an argument or a result. For others there
/// is one sentence instead of a page of Boost's errors.
namespace tasker::detail {

template <class T>
constexpr bool is_serializable();
template <class T>
concept Serializable = is_serializable<T>();

/// What can be stored, as far as the compiler can tell.
template <class T>
concept Storable = Fixed<T> || Serializable<T>;

/// Whether the members can be stored one after the other. A const one could not be read.
template <class... Ms>
constexpr bool are_storable(Types<Ms...>) {
  return ((Storable<Ms> && !std::is_const_v<Ms>)&&...);
}
template <class T>
concept Memberwise = Separable<T> && detail::are_storable(MemberTypes<T>());

/// Whether Boost.Serialization can serialize a `T`. Boost itself decides on unions, final classes and arrays.
/// Of a pointer to an abstract class only the derived classes are asked.
template <class T>
constexpr bool is_serializable() {
  if constexpr (std::is_pointer_v<T>)
    return std::is_class_v<std::remove_pointer_t<T>> &&
           (std::is_abstract_v<std::remove_pointer_t<T>> || is_serializable<std::remove_pointer_t<T>>());
  else if constexpr (Aggregate<std::remove_const_t<T>>)
    return Memberwise<std::remove_const_t<T>>;
  else if constexpr (!std::is_class_v<T> || std::is_final_v<T>)
    return true;
  else
    return HasSerialize<T> || (HasSerializeFunction<T> && Stateless<T>);
}
/// Whether an object can be made before its content is read. A class whose `serialize` is private has made
/// Boost its friend, so Boost may use a private constructor, too.
template <class T>
concept Makeable = std::is_default_constructible_v<T> || HasLoadConstructData<T> ||
                   (std::is_class_v<T> && (std::is_final_v<T> || HasSerialize<T>)&&!HasPublicSerialize<T>);

template <Flaw flaw>
constexpr void require_flawless() {
  static_assert(flaw != Flaw::base,
                "tasker: a struct in an argument or result has a base class: make that a member, or write a "
                "serialize() for Boost.Serialization");
  static_assert(flaw != Flaw::bit_field,
                "tasker: a struct in an argument or result has a bit-field: use a whole integer, or write a "
                "serialize() for Boost.Serialization");
  static_assert(flaw != Flaw::reference,
                "tasker: a struct in an argument or result has a reference as a member: it owns nothing; "
                "store the value");
  static_assert(flaw != Flaw::pointer,
                "tasker: a struct in an argument or result has a pointer as a member: it owns nothing; use "
                "std::string, std::vector or std::unique_ptr");
  static_assert(flaw != Flaw::array,
                "tasker: a struct in an argument or result has a C array as a member: use std::array");
  static_assert(flaw != Flaw::in_union,
                "tasker: a struct in an argument or result has a union as a member: use std::variant");
  static_assert(flaw != Flaw::many,
                "tasker: a struct in an argument or result has more than 32 members, or a C array: group "
                "them into structs, use std::array, or write a serialize() for Boost.Serialization");
  static_assert(flaw != Flaw::recursion,
                "tasker: a struct in an argument or result contains itself: write a serialize() for "
                "Boost.Serialization");
}

template <class T>
constexpr void require_storable();
template <class... Ts>
constexpr void require_all_storable(Types<Ts...>) {
  (detail::require_storable<std::remove_cvref_t<Ts>>(), ...);
}
template <class... Ts>
constexpr bool are_all_storable(Types<Ts...>) {
  return (Storable<std::remove_cvref_t<Ts>> && ...);
}

/// Where a part is to blame, that is told of the part.
template <class T>
constexpr void require_storable() {
  if constexpr (Storable<T>)
    return;
  else if constexpr (!Stateless<T>)
    static_assert(
        is_stateless<T>(),
        "tasker: an argument or result, or a part of it, is a container whose comparator, hash or "
        "allocator has state, which is not stored: use one without, such as a class with operator() in "
        "place of a function pointer");
  else if constexpr (Aggregate<T> && !Separable<T>)
    detail::require_flawless<flaw<T>>();
  else if constexpr (!detail::are_all_storable(PartsOf<T>()))
    detail::require_all_storable(PartsOf<T>());
  else
    static_assert(
        is_serializable<T>(),
        "tasker: an argument or result, or a part of it, has no serialize() for Boost.Serialization. A "
        "class that is no plain struct needs one; a standard container of such classes needs its header of "
        "boost/serialization; a view or a pointer (std::string_view, std::span, double*) owns nothing: use "
        "std::string or std::vector");
}

template <class T>
constexpr void require_value() {
  detail::require_storable<T>();
  if constexpr (Storable<T>)
    static_assert(
        Fixed<T> || Makeable<T>,
        "tasker: arguments and results are made empty, then read: give the class a default constructor, "
        "which may be private, as serialize must be then, for its friend boost::serialization::access; "
        "or a load_construct_data");
}

}  // namespace tasker::detail
