#pragma once

#include <tasker/detail/codec.hpp>

#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>

/// Finds out, as far as the compiler can tell, which types can be an argument or a result. For others there
/// is one sentence instead of a page of Boost's errors.
namespace tasker::detail {

/// Stands for an archive in overload resolution. These declarations accept any type, as those of Boost do,
/// and make them ambiguous: so a call compiles only if there is a more specific function.
namespace probe {
struct Archive {
  using is_loading = std::true_type;
  using is_saving = std::false_type;
  template <class T>
  Archive& operator&(T&&);
};
template <class A, class T>
void serialize(A&, T&, unsigned);
template <class... Ts>
void serialize(Archive&, std::tuple<Ts...>&, unsigned);
template <class T>
void serialize(Archive&, std::optional<T>&, unsigned);
template <class... Ts>
void serialize(Archive&, std::variant<Ts...>&, unsigned);
template <class A, class T>
void load_construct_data(A&, T*, unsigned);

/// If both bases have the member, its name is ambiguous, even where the member is private.
struct Serialize {
  int serialize;
};
template <class T>
struct Both : T, Serialize {};
}  // namespace probe

template <class T>
concept HasSerialize = !requires { &probe::Both<std::remove_const_t<T>>::serialize; };
template <class T>
concept HasPublicSerialize = requires(probe::Archive& archive, T& value) { value.serialize(archive, 0U); };
template <class T>
concept HasSerializeFunction =
    requires(probe::Archive& archive, std::remove_const_t<T>& value,
             const boost::serialization::version_type version) { serialize(archive, value, version); };
template <class T>
concept HasLoadConstructData = requires(probe::Archive& archive, std::remove_const_t<T>* value,
                                        const boost::serialization::version_type version) {
  load_construct_data(archive, value, version);
};

/// Whether Boost.Serialization can serialize a `T`. Boost itself decides on unions, final classes and arrays.
/// Of a pointer to an abstract class only the derived classes are asked.
template <class T>
constexpr bool is_serializable() {
  if constexpr (std::is_pointer_v<T>)
    return std::is_class_v<std::remove_pointer_t<T>> &&
           (std::is_abstract_v<std::remove_pointer_t<T>> || is_serializable<std::remove_pointer_t<T>>());
  else if constexpr (!std::is_class_v<T> || std::is_final_v<T>)
    return true;
  else
    return HasSerialize<T> || (HasSerializeFunction<T> && Stateless<T>);
}
template <class T>
concept Serializable = is_serializable<T>();

/// Whether an object can be made before its content is read. A class whose `serialize` is private has made
/// Boost its friend, so Boost may use a private constructor, too.
template <class T>
concept Makeable = std::is_default_constructible_v<T> || HasLoadConstructData<T> ||
                   (std::is_class_v<T> && (std::is_final_v<T> || HasSerialize<T>)&&!HasPublicSerialize<T>);

template <class T>
constexpr void require_serializable() {
  if constexpr (Stateless<T>)
    static_assert(
        Fixed<T> || Serializable<T>,
        "tasker: an argument or result, or a part of it, has no serialize() for Boost.Serialization. A "
        "class needs one; a standard container of classes needs its header of boost/serialization; a "
        "view or a pointer (std::string_view, std::span, double*) owns nothing: use std::string or "
        "std::vector");
  else
    static_assert(
        Fixed<T> || Serializable<T>,
        "tasker: an argument or result, or a part of it, is a container whose comparator, hash or "
        "allocator has state, which is not stored: use one without, such as a class with operator() in "
        "place of a function pointer");
}

template <class T>
constexpr void require_value() {
  require_serializable<T>();
  static_assert(
      Makeable<T>,
      "tasker: arguments and results are made empty, then read: give the class a default constructor, "
      "which may be private, as serialize must be then, for its friend boost::serialization::access; "
      "or a load_construct_data");
}

}  // namespace tasker::detail
