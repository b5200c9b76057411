#pragma once

#include <tasker/detail/aggregate.hpp>
#include <tasker/detail/bytes.hpp>

#include <array>
#include <complex>
#include <concepts>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <initializer_list>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

/// The fixed layout: little-endian, no padding, equal values give equal bytes. src/store/FORMAT.md describes
/// it for readers in other languages. The names that `schema()` returns are stored and never change.
namespace tasker::detail {

/// Concatenates `parts`. With operator+, g++ 12 gives false warnings at -O3.
inline std::string concat(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

/// Whether a container's `Part` (comparator, hash, allocator) has no state: a new one equals the original.
template <class Part>
concept Interchangeable = std::is_empty_v<Part> && std::is_default_constructible_v<Part>;

/// Whether the container `T` has no parts with state. Reading makes a container without the comparator, hash
/// and allocator of the original: a set that is ordered by a function pointer would call a null pointer.
template <class T>
constexpr bool is_stateless() {
  bool all = true;
  if constexpr (requires { typename T::key_compare; })
    all = all && Interchangeable<typename T::key_compare>;
  else if constexpr (requires { typename T::value_compare; })
    all = all && Interchangeable<typename T::value_compare>;
  if constexpr (requires { typename T::hasher; }) all = all && Interchangeable<typename T::hasher>;
  if constexpr (requires { typename T::key_equal; }) all = all && Interchangeable<typename T::key_equal>;
  if constexpr (requires { typename T::allocator_type; })
    all = all && Interchangeable<typename T::allocator_type>;
  return all;
}
template <class T>
concept Stateless = is_stateless<T>();

/// Layout of one type: `schema()`, `least` (the fewest bytes a value takes), `encode` and `decode`; and
/// `one_size`, which is true if all values take as many bytes.
template <class T>
struct Codec;

/// Whether the bytes of a `T` in memory are those of its layout, and any such bytes are a `T`.
template <class T>
concept AsInMemory = requires { requires Codec<T>::as_in_memory; };

/// Types with a fixed layout; all others go through Boost.Serialization (archive.hpp).
template <class T>
concept Fixed = requires { Codec<T>::least; } && Stateless<T>;

/// The bytes that each value takes; nothing if that depends on the value.
template <class T>
constexpr std::optional<std::size_t> size_of_each() {
  if constexpr (Fixed<T> && requires { requires Codec<T>::one_size; })
    return Codec<T>::least;
  else
    return std::nullopt;
}

template <Number T>
struct Codec<T> {
  static constexpr std::size_t least = sizeof(T);
  static constexpr bool one_size = true;
  static constexpr bool as_in_memory = !std::same_as<T, bool> && std::endian::native == std::endian::little;
  static std::string schema() {
    if constexpr (std::same_as<T, bool>) return "bool";
    // Whether plain char is signed depends on the processor.
    const bool is_signed = std::is_signed_v<T> || std::same_as<T, char>;
    const char* const kind = std::is_floating_point_v<T> ? "f" : is_signed ? "i" : "u";
    return concat({kind, std::to_string(8 * sizeof(T))});
  }
  static void encode(std::string& out, T value) { put(out, value); }
  static T decode(Reader& in) {
    if constexpr (std::same_as<T, bool>)
      return in.number<std::uint8_t>() != 0;
    else
      return in.number<T>();
  }
};

/// For the keys in the elements of a map.
template <Fixed T>
struct Codec<const T> : Codec<T> {};

/// Sixteen bytes. x87 uses ten of them; the others are padding in memory and zero here.
template <>
struct Codec<long double> {
  static constexpr std::size_t least = 16;
  static constexpr bool one_size = true;
  static constexpr std::size_t used =
      sizeof(long double) == 16 && __LDBL_MANT_DIG__ == 64 ? 10 : sizeof(long double);
  static std::string schema() { return concat({"f", std::to_string(8 * used)}); }
  static void encode(std::string& out, long double value) {
    char bytes[least] = {};
    std::memcpy(bytes, &value, used);
    out.append(bytes, least);
  }
  static long double decode(Reader& in) {
    long double value = 0;
    std::memcpy(&value, in.bytes(least).data(), used);
    return value;
  }
};

template <class T>
  requires std::is_enum_v<T>
struct Codec<T> {
  using Underlying = Codec<std::underlying_type_t<T>>;
  static constexpr std::size_t least = Underlying::least;
  static constexpr bool one_size = true;
  static constexpr bool as_in_memory = Underlying::as_in_memory;
  static std::string schema() { return Underlying::schema(); }
  static void encode(std::string& out, T value) {
    Underlying::encode(out, static_cast<std::underlying_type_t<T>>(value));
  }
  static T decode(Reader& in) { return static_cast<T>(Underlying::decode(in)); }
};

template <>
struct Codec<std::string> {
  static constexpr std::size_t least = 8;
  static std::string schema() { return "str"; }
  static void encode(std::string& out, std::string_view value) {
    put(out, std::uint64_t{value.size()});
    out.append(value);
  }
  static std::string decode(Reader& in) { return std::string(in.bytes(in.count(1))); }
};

template <>
struct Codec<std::filesystem::path> {
  static constexpr std::size_t least = 8;
  static std::string schema() { return "path"; }
  static void encode(std::string& out, const std::filesystem::path& value) {
    Codec<std::string>::encode(out, value.native());
  }
  static std::filesystem::path decode(Reader& in) { return Codec<std::string>::decode(in); }
};

template <class T>
struct Codec<std::complex<T>> {
  static constexpr std::size_t least = 2 * Codec<T>::least;
  static constexpr bool one_size = true;
  static std::string schema() { return concat({"(", Codec<T>::schema(), ",", Codec<T>::schema(), ")"}); }
  static void encode(std::string& out, const std::complex<T>& value) {
    Codec<T>::encode(out, value.real());
    Codec<T>::encode(out, value.imag());
  }
  static std::complex<T> decode(Reader& in) {
    const T real = Codec<T>::decode(in);
    return {real, Codec<T>::decode(in)};
  }
};

/// Sequences of any length.
template <class Sequence>
struct SequenceCodec {
  using Value = typename Sequence::value_type;
  static constexpr std::size_t least = 8;
  static constexpr bool at_once =
      AsInMemory<Value> && std::semiregular<Value> && requires(Sequence s) { s.data(); };
  static std::string schema() { return concat({"[", Codec<Value>::schema(), "]"}); }
  static void encode(std::string& out, const Sequence& value) {
    put_count(out, value.size(), Codec<Value>::least);
    if constexpr (at_once)
      out.append(reinterpret_cast<const char*>(value.data()), value.size() * sizeof(Value));
    else
      for (const auto& element : value) Codec<Value>::encode(out, element);
  }
  static Sequence decode(Reader& in) {
    Sequence value;
    const std::size_t n = in.count(Codec<Value>::least);
    if constexpr (at_once) {
      value.resize(n);
      if (n > 0) std::memcpy(value.data(), in.bytes(n * sizeof(Value)).data(), n * sizeof(Value));
    } else {
      for (std::size_t i = 0; i < n; ++i) value.push_back(Codec<Value>::decode(in));
    }
    return value;
  }
};
template <Fixed T, class A>
struct Codec<std::vector<T, A>> : SequenceCodec<std::vector<T, A>> {};
template <Fixed T, class A>
struct Codec<std::deque<T, A>> : SequenceCodec<std::deque<T, A>> {};
template <Fixed T, class A>
struct Codec<std::list<T, A>> : SequenceCodec<std::list<T, A>> {};

template <Fixed T, std::size_t N>
struct Codec<std::array<T, N>> {
  static constexpr std::size_t least = N * Codec<T>::least;
  static constexpr bool one_size = N == 0 || size_of_each<T>();
  static constexpr bool as_in_memory = AsInMemory<T>;
  static std::string schema() { return concat({"[", Codec<T>::schema(), ";", std::to_string(N), "]"}); }
  static void encode(std::string& out, const std::array<T, N>& value) {
    for (const T& element : value) Codec<T>::encode(out, element);
  }
  static std::array<T, N> decode(Reader& in) {
    if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
      std::array<T, N> value{};
      for (T& element : value) element = Codec<T>::decode(in);
      return value;
    } else {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<T, N>{(void(I), Codec<T>::decode(in))...};
      }(std::make_index_sequence<N>());
    }
  }
};

/// "a,b,c" for the schemas of `Ts`.
template <class... Ts>
std::string schemas([[maybe_unused]] std::string_view separator) {
  std::string all;
  ((all += concat({all.empty() ? "" : separator, Codec<Ts>::schema()})), ...);
  return all;
}

template <class Tuple, class... Ts>
struct TupleCodec {
  static constexpr std::size_t least = (Codec<Ts>::least + ... + 0);
  static constexpr bool one_size = (size_of_each<Ts>().has_value() && ...);
  static std::string schema() { return concat({"(", schemas<Ts...>(","), ")"}); }
  static void encode(std::string& out, const Tuple& value) {
    std::apply([&](const Ts&... parts) { (Codec<Ts>::encode(out, parts), ...); }, value);
  }
  // Braces, not parentheses: they fix the order of evaluation.
  static Tuple decode([[maybe_unused]] Reader& in) { return Tuple{Codec<Ts>::decode(in)...}; }
};
template <Fixed... Ts>
struct Codec<std::tuple<Ts...>> : TupleCodec<std::tuple<Ts...>, Ts...> {};
template <Fixed A, Fixed B>
struct Codec<std::pair<A, B>> : TupleCodec<std::pair<A, B>, A, B> {};

template <class... Ts>
constexpr bool are_fixed(Types<Ts...>) {
  return (Fixed<Ts> && ...);
}

/// A struct all of whose members have a fixed layout. One after the other, they are its own.
template <class T>
concept FixedStruct = Separable<T> && detail::are_fixed(MemberTypes<T>());

template <FixedStruct T>
struct Codec<T> {
  static constexpr std::size_t least = []<class... Ms>(Types<Ms...>) {
    return (Codec<Ms>::least + ... + 0);
  }(MemberTypes<T>());
  static constexpr bool one_size = []<class... Ms>(Types<Ms...>) {
    return (size_of_each<Ms>().has_value() && ...);
  }(MemberTypes<T>());
  /// Where there is no padding.
  static constexpr bool as_in_memory = []<class... Ms>(Types<Ms...>) {
    return std::is_trivially_copyable_v<T> && sizeof(T) == least && (AsInMemory<Ms> && ...);
  }(MemberTypes<T>());
  static std::string schema() {
    std::string members;
    [[maybe_unused]] auto name = member_names<T>.begin();
    [&]<class... Ms>(Types<Ms...>) {
      ((members += concat({members.empty() ? "" : ",", *name++, "=", Codec<Ms>::schema()})), ...);
    }(MemberTypes<T>());
    return concat({"(", members, ")"});
  }
  static void encode(std::string& out, const T& value) {
    if constexpr (as_in_memory)
      out.append(reinterpret_cast<const char*>(std::addressof(value)), sizeof(T));
    else
      detail::with_members(
          value, [&]<class... Ms>(const Ms&... members) { (Codec<Ms>::encode(out, members), ...); });
  }
  static T decode([[maybe_unused]] Reader& in) {
    if constexpr (as_in_memory) {
      std::array<char, sizeof(T)> bytes;
      std::memcpy(bytes.data(), in.bytes(sizeof(T)).data(), sizeof(T));
      return std::bit_cast<T>(bytes);
    } else {
      return [&]<class... Ms>(Types<Ms...>) { return T{Codec<Ms>::decode(in)...}; }(MemberTypes<T>());
    }
  }
};
template <>
struct Codec<std::monostate> {
  static constexpr std::size_t least = 0;
  static constexpr bool one_size = true;
  static std::string schema() { return "()"; }
  static void encode(std::string&, std::monostate) {}
  static std::monostate decode(Reader&) { return {}; }
};

template <Fixed T>
struct Codec<std::optional<T>> {
  static constexpr std::size_t least = 1;
  static std::string schema() { return concat({Codec<T>::schema(), "?"}); }
  static void encode(std::string& out, const std::optional<T>& value) {
    put(out, value.has_value());
    if (value) Codec<T>::encode(out, *value);
  }
  static std::optional<T> decode(Reader& in) {
    if (!Codec<bool>::decode(in)) return std::nullopt;
    return Codec<T>::decode(in);
  }
};

template <Fixed... Ts>
struct Codec<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;
  static constexpr std::size_t least = 1;
  static std::string schema() { return concat({"<", schemas<Ts...>("|"), ">"}); }
  static void encode(std::string& out, const Variant& value) {
    put(out, static_cast<std::uint8_t>(value.index()));
    std::visit([&]<class T>(const T& held) { Codec<T>::encode(out, held); }, value);
  }
  static Variant decode(Reader& in) {
    using Decode = Variant (*)(Reader&);
    static constexpr Decode alternatives[] = {[](Reader& r) -> Variant { return Codec<Ts>::decode(r); }...};
    const auto index = in.number<std::uint8_t>();
    if (index >= sizeof...(Ts)) throw DamagedError("a variant has an alternative that its type lacks");
    return alternatives[index](in);
  }
};

/// Sets and maps. The unordered ones are written in the order of their elements' bytes, so that equal
/// containers give equal bytes.
template <class Container, class Value>
struct AssociativeCodec {
  static constexpr std::size_t least = 8;
  static constexpr bool ordered = requires { typename Container::key_compare; };
  static void encode(std::string& out, const Container& value) {
    put_count(out, value.size(), Codec<Value>::least);
    if constexpr (ordered) {
      for (const auto& element : value) Codec<Value>::encode(out, element);
    } else {
      std::multiset<std::string> elements;
      for (const auto& element : value) {
        std::string bytes;
        Codec<Value>::encode(bytes, element);
        elements.insert(std::move(bytes));
      }
      for (const std::string& bytes : elements) out += bytes;
    }
  }
  static Container decode(Reader& in) {
    Container value;
    const std::size_t n = in.count(Codec<Value>::least);
    for (std::size_t i = 0; i < n; ++i) value.insert(value.end(), Codec<Value>::decode(in));
    return value;
  }
};
template <class Map>
struct MapCodec : AssociativeCodec<Map, std::pair<typename Map::key_type, typename Map::mapped_type>> {
  static std::string schema() {
    return concat(
        {"{", Codec<typename Map::key_type>::schema(), ":", Codec<typename Map::mapped_type>::schema(), "}"});
  }
};
template <class Set>
struct SetCodec : AssociativeCodec<Set, typename Set::key_type> {
  static std::string schema() { return concat({"{", Codec<typename Set::key_type>::schema(), "}"}); }
};
template <Fixed K, Fixed V, class C, class A>
struct Codec<std::map<K, V, C, A>> : MapCodec<std::map<K, V, C, A>> {};
template <Fixed K, Fixed V, class C, class A>
struct Codec<std::multimap<K, V, C, A>> : MapCodec<std::multimap<K, V, C, A>> {};
template <Fixed K, Fixed V, class H, class E, class A>
struct Codec<std::unordered_map<K, V, H, E, A>> : MapCodec<std::unordered_map<K, V, H, E, A>> {};
template <Fixed K, class C, class A>
struct Codec<std::set<K, C, A>> : SetCodec<std::set<K, C, A>> {};
template <Fixed K, class C, class A>
struct Codec<std::multiset<K, C, A>> : SetCodec<std::multiset<K, C, A>> {};
template <Fixed K, class H, class E, class A>
struct Codec<std::unordered_set<K, H, E, A>> : SetCodec<std::unordered_set<K, H, E, A>> {};

}  // namespace tasker::detail
