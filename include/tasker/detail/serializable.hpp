#pragma once

#include <tasker/detail/codec.hpp>
#include <tasker/detail/stateless.hpp>

#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>

/// What can be an argument or a result, as far as the compiler can tell, and one sentence for what can't
/// instead of Boost's page.
namespace tasker::detail {

/// Stands for an archive where only the choice of a function matters. Ours for any type make those of Boost
/// for any type ambiguous, so a call compiles only where there is a better one.
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

/// A name that both bases have is ambiguous, whether or not it may be used.
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

/// Whether Boost.Serialization knows what to do with a `T`. What is said of unions and of classes that can't
/// be derived from is left to Boost, as are arrays. Of a class that is abstract only the derived ones are
/// asked.
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

/// Whether an object can be made before it is read. A class whose `serialize` is private has made Boost its
/// friend, which then may use a private constructor, too.
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
