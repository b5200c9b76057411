#pragma once

#include <tasker/detail/codec.hpp>
#include <tasker/detail/serializable.hpp>

#include <boost/archive/archive_exception.hpp>
#include <boost/archive/basic_archive.hpp>
#include <boost/archive/detail/common_iarchive.hpp>
#include <boost/archive/detail/common_oarchive.hpp>
#include <boost/archive/detail/register_archive.hpp>
#include <boost/serialization/base_object.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/detail/stack_constructor.hpp>
#include <boost/serialization/export.hpp>
#include <boost/serialization/item_version_type.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/split_member.hpp>

#include <typeinfo>

/// Arguments and results whose type has no fixed layout (classes, pointers, polymorphism) go through
/// Boost.Serialization. Their members that have a fixed layout are written in it; Boost adds class versions,
/// tracking and class names.
///
/// The program may have functions of any name. So calls here that could find one of them name their
/// namespace.
namespace tasker::detail {

/// The number that Boost adds to a value, in a class of its own.
inline std::int16_t added(const boost::archive::class_id_type& v) { return v; }
inline std::uint32_t added(const boost::archive::object_id_type& v) { return v; }
inline std::uint32_t added(const boost::archive::version_type& v) { return v; }
inline bool added(const boost::archive::tracking_type& v) { return v; }
inline std::uint32_t added(const boost::serialization::item_version_type& v) { return v; }
template <class T>
concept Added = std::is_class_v<T> && requires(const T& v) { detail::added(v); };

class OutArchive : public boost::archive::detail::common_oarchive<OutArchive> {
  using Base = boost::archive::detail::common_oarchive<OutArchive>;

 public:
  /// Appends to `out`, which must outlive the archive.
  explicit OutArchive(std::string& out) : Base(boost::archive::no_header), out_(out) {}

  /// Hides Boost's operator&, which would find the program's operator<< if that takes any stream.
  template <class T>
  OutArchive& operator&(const T& value) {
    save_override(value);
    return *this;
  }
  void save_binary(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }

  template <class T>
  void save_override(const T& value) {
    if constexpr (Fixed<T>)
      Codec<T>::encode(out_, value);
    else if constexpr (Serializable<T>)
      Base::save_override(value);
    else
      detail::require_storable<T>();
  }
  template <class T>
  void save_override(const boost::serialization::nvp<T>& named) {
    save_override(named.const_value());
  }
  template <Added T>
  void save_override(const T& v) {
    put(out_, detail::added(v));
  }
  void save_override(const boost::archive::class_id_optional_type&) {}
  void save_override(const boost::archive::class_name_type& v) {
    Codec<std::string>::encode(out_, static_cast<const char*>(v));
  }
  void save_override(const boost::serialization::collection_size_type& v) {
    const std::size_t size = v;
    put(out_, std::uint64_t{size});
    if (size > most_without_bytes) counts_.emplace_back(out_.size(), size);
  }

  /// Called at the end: throws UsageError for a count that `Reader::count` would refuse.
  void require_counts() const {
    for (const auto& [at, count] : counts_) require_count(count, out_.size() - at);
  }

 private:
  std::string& out_;
  std::vector<std::pair<std::size_t, std::size_t>> counts_;  // large counts, each with the offset behind it
};

class InArchive : public boost::archive::detail::common_iarchive<InArchive> {
  using Base = boost::archive::detail::common_iarchive<InArchive>;

 public:
  explicit InArchive(Reader& in) : Base(boost::archive::no_header), in_(in) {}

  template <class T>
  InArchive& operator&(T& value) {
    load_override(value);
    return *this;
  }
  void load_binary(void* data, std::size_t size) { std::memcpy(data, in_.bytes(size).data(), size); }

  template <class T>
  void load_override(T& value) {
    if constexpr (Fixed<T>)
      value = Codec<T>::decode(in_);
    else if constexpr (Serializable<T>)
      Base::load_override(value);
    else
      detail::require_storable<T>();
  }
  template <class T>
  void load_override(const boost::serialization::nvp<T>& named) {
    load_override(named.value());
  }
  template <Added T>
  void load_override(T& v) {
    using Number = decltype(detail::added(v));
    static_cast<Number&>(v) = Codec<Number>::decode(in_);
  }
  void load_override(boost::archive::class_id_optional_type&) {}
  void load_override(boost::archive::class_name_type& v) {
    const std::string name = Codec<std::string>::decode(in_);
    if (name.size() >= BOOST_SERIALIZATION_MAX_KEY_SIZE) throw DamagedError("a class name is too long");
    std::memcpy(v.t, name.c_str(), name.size() + 1);
  }
  void load_override(boost::serialization::collection_size_type& v) {
    v = boost::serialization::collection_size_type(in_.count(0));
  }

 private:
  Reader& in_;
};

/// A value on its own. A value without a default constructor is written as Boost writes such elements of
/// containers: with what its load_construct_data needs.
template <class T>
void save_value(OutArchive& archive, const T& value) {
  if constexpr (!std::is_default_constructible_v<T>) {
    const std::uint32_t version = boost::serialization::version<T>::value;
    archive.save_override(version);
    boost::serialization::save_construct_data_adl(archive, std::addressof(value), version);
  }
  archive.save_override(value);
}
template <class T>
T load_value(InArchive& archive) {
  if constexpr (std::is_default_constructible_v<T>) {
    T object{};
    archive.load_override(object);
    return object;
  } else {
    std::uint32_t version = 0;
    archive.load_override(version);
    boost::serialization::detail::stack_construct<InArchive, T> made(archive, version);
    archive.load_override(made.reference());
    return std::move(made.reference());
  }
}

// Structs without a `serialize`, and what Boost 1.74 lacks, for elements without a fixed layout. Found by the
// archives' argument-dependent lookup.
template <Memberwise T>
void serialize(OutArchive& archive, T& value, unsigned) {
  detail::with_members(value, [&](auto&... members) { (archive.save_override(members), ...); });
}
template <Memberwise T>
void serialize(InArchive& archive, T& value, unsigned) {
  detail::with_members(value, [&](auto&... members) { (archive.load_override(members), ...); });
}
template <class... Ts>
void serialize(OutArchive& archive, std::tuple<Ts...>& value, unsigned) {
  std::apply([&](Ts&... parts) { (archive.save_override(parts), ...); }, value);
}
template <class... Ts>
void serialize(InArchive& archive, std::tuple<Ts...>& value, unsigned) {
  std::apply([&](Ts&... parts) { (archive.load_override(parts), ...); }, value);
}
template <class T>
void serialize(OutArchive& archive, std::optional<T>& value, unsigned) {
  archive.save_override(value.has_value());
  if (value) detail::save_value(archive, *value);
}
template <class T>
void serialize(InArchive& archive, std::optional<T>& value, unsigned) {
  bool has_value = false;
  archive.load_override(has_value);
  value.reset();
  if (!has_value) return;
  if constexpr (std::is_default_constructible_v<T>)
    archive.load_override(value.emplace());
  else
    value.emplace(detail::load_value<T>(archive));
}
template <class... Ts>
void serialize(OutArchive& archive, std::variant<Ts...>& value, unsigned) {
  archive.save_override(static_cast<std::uint8_t>(value.index()));
  std::visit([&](const auto& held) { detail::save_value(archive, held); }, value);
}
template <class... Ts>
void serialize(InArchive& archive, std::variant<Ts...>& value, unsigned) {
  using Load = void (*)(InArchive&, std::variant<Ts...>&);
  static constexpr Load alternatives[] = {[](InArchive& in, std::variant<Ts...>& v) {
    if constexpr (std::is_default_constructible_v<Ts>)
      in.load_override(v.template emplace<Ts>());
    else
      v.template emplace<Ts>(detail::load_value<Ts>(in));
  }...};
  std::uint8_t index = 0;
  archive.load_override(index);
  if (index >= sizeof...(Ts)) throw DamagedError("a variant has an alternative that its type lacks");
  alternatives[index](archive, value);
}

/// The name of a type without a fixed layout; the same with g++ and clang++.
std::string class_name(const std::type_info& type);

/// The text that is stored to tell types apart: "[f64]", "(i32,str)", or "boost:Model" for a class.
template <class T>
std::string schema() {
  if constexpr (std::is_void_v<T>)
    return "void";
  else if constexpr (Fixed<T>)
    return Codec<T>::schema();
  else
    return concat({"boost:", class_name(typeid(T))});
}

template <class T>
void encode(std::string& out, const T& value) {
  if constexpr (Fixed<T>) {
    Codec<T>::encode(out, value);
  } else {
    OutArchive archive(out);
    detail::save_value(archive, value);
    archive.require_counts();
  }
}

/// The value whose bytes are all of `bytes`. Throws DamagedError if they are no value.
template <class T>
T decode(std::string_view bytes) {
  Reader reader(bytes);
  require_value<T>();
  T value = [&] {
    if constexpr (Fixed<T>) {
      return Codec<T>::decode(reader);
    } else {
      InArchive archive(reader);
      return detail::load_value<T>(archive);
    }
  }();
  if (!reader.left().empty()) throw DamagedError("there are bytes left behind a value");
  return value;
}

}  // namespace tasker::detail

BOOST_SERIALIZATION_REGISTER_ARCHIVE(tasker::detail::OutArchive)
BOOST_SERIALIZATION_REGISTER_ARCHIVE(tasker::detail::InArchive)
