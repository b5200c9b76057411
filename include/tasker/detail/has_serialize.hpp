#pragma once

#include <concepts>
#include <optional>
#include <tuple>
#include <type_traits>
#include <variant>

namespace boost::serialization {
class access;
struct version_type;
}  // namespace boost::serialization

/// Finds out which classes have a `serialize` for Boost.Serialization, without a header of Boost.
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

namespace again {
template <class A, class T>
void serialize(A&, T&, unsigned);
template <class A, class T>
void load_construct_data(A&, T*, unsigned);

/// The version of a class. Functions are looked up here and in the namespace of `Friend`, where Boost's are.
template <class Friend>
struct Version {
  operator unsigned() const;
};
}  // namespace again
using Version = again::Version<boost::serialization::access>;

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
/// Of a final class only a public one can be seen.
template <class T>
consteval bool has_member_serialize() {
  if constexpr (std::is_final_v<T>)
    return HasPublicSerialize<T>;
  else
    return HasSerialize<T>;
}
/// The function may take the version as a number, or as Boost's own type.
template <class T>
concept HasSerializeFunction =
    requires(probe::Archive& archive, std::remove_const_t<T>& value, const probe::Version& version) {
      serialize(archive, value, version);
    } || requires(probe::Archive& archive, std::remove_const_t<T>& value,
                  const boost::serialization::version_type& version) { serialize(archive, value, version); };
template <class T>
concept HasLoadConstructData =
    requires(probe::Archive& archive, std::remove_const_t<T>* value, const probe::Version& version) {
      load_construct_data(archive, value, version);
    };

}  // namespace tasker::detail
