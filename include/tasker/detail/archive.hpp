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

/// The way of Boost.Serialization for types without a fixed layout (classes, pointers, polymorphism). Fields
/// that do have one are written in it; Boost adds class versions, tracking and class names.
///
/// Calls that could find a function of the program, which may have any name, name their namespace.
namespace tasker::detail {

class OutArchive : public boost::archive::detail::common_oarchive<OutArchive> {
  using Base = boost::archive::detail::common_oarchive<OutArchive>;

 public:
  /// Appends to `out`, which must outlive the archive.
  explicit OutArchive(std::string& out) : Base(boost::archive::no_header), out_(out) {}

  /// As Boost's, which finds the program's operator<< where that takes any stream.
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
      require_serializable<T>();
  }
  template <class T>
  void save_override(const boost::serialization::nvp<T>& named) {
    save_override(named.const_value());
  }
  void save_override(const boost::archive::class_id_type& v) { put(out_, static_cast<std::int16_t>(v)); }
  void save_override(const boost::archive::class_id_reference_type& v) {
    put(out_, static_cast<std::int16_t>(v));
  }
  void save_override(const boost::archive::class_id_optional_type&) {}
  void save_override(const boost::archive::object_id_type& v) { put(out_, static_cast<std::uint32_t>(v)); }
  void save_override(const boost::archive::object_reference_type& v) {
    put(out_, static_cast<std::uint32_t>(v));
  }
  void save_override(const boost::archive::version_type& v) { put(out_, static_cast<std::uint32_t>(v)); }
  void save_override(const boost::archive::tracking_type& v) { put(out_, static_cast<bool>(v)); }
  void save_override(const boost::archive::class_name_type& v) {
    Codec<std::string>::encode(out_, static_cast<const char*>(v));
  }
  void save_override(const boost::serialization::collection_size_type& v) {
    const std::size_t size = v;
    put(out_, std::uint64_t{size});
    if (size > most_without_bytes) counts_.emplace_back(out_.size(), size);
  }
  void save_override(const boost::serialization::item_version_type& v) {
    put(out_, static_cast<std::uint32_t>(v));
  }

  /// At the end: throws UsageError for a count that `Reader::count` would refuse.
  void require_counts() const {
    for (const auto& [at, count] : counts_) require_count(count, out_.size() - at);
  }

 private:
  friend class boost::archive::save_access;
  template <class T>
  void save(const T& value) {
    Codec<T>::encode(out_, value);
  }
  std::string& out_;
  std::vector<std::pair<std::size_t, std::size_t>> counts_;  // the large ones, and where they end
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
      require_serializable<T>();
  }
  template <class T>
  void load_override(const boost::serialization::nvp<T>& named) {
    load_override(named.value());
  }
  void load_override(boost::archive::class_id_type& v) {
    v = boost::archive::class_id_type(in_.number<std::int16_t>());
  }
  void load_override(boost::archive::class_id_reference_type& v) {
    v = boost::archive::class_id_reference_type(boost::archive::class_id_type(in_.number<std::int16_t>()));
  }
  void load_override(boost::archive::class_id_optional_type&) {}
  void load_override(boost::archive::object_id_type& v) {
    v = boost::archive::object_id_type(in_.number<std::uint32_t>());
  }
  void load_override(boost::archive::object_reference_type& v) {
    v = boost::archive::object_reference_type(boost::archive::object_id_type(in_.number<std::uint32_t>()));
  }
  void load_override(boost::archive::version_type& v) {
    v = boost::archive::version_type(in_.number<std::uint32_t>());
  }
  void load_override(boost::archive::tracking_type& v) {
    v = boost::archive::tracking_type(in_.number<std::uint8_t>() != 0);
  }
  void load_override(boost::archive::class_name_type& v) {
    const std::string name = Codec<std::string>::decode(in_);
    if (name.size() >= BOOST_SERIALIZATION_MAX_KEY_SIZE) throw DamagedError("a class name is too long");
    std::memcpy(v.t, name.c_str(), name.size() + 1);
  }
  void load_override(boost::serialization::collection_size_type& v) {
    v = boost::serialization::collection_size_type(in_.count(0));
  }
  void load_override(boost::serialization::item_version_type& v) {
    v = boost::serialization::item_version_type(in_.number<std::uint32_t>());
  }

 private:
  friend class boost::archive::load_access;
  template <class T>
  void load(T& value) {
    value = Codec<T>::decode(in_);
  }
  Reader& in_;
};

/// A value that stands for itself. One that only Boost can make from nothing is written as Boost writes
/// elements of containers.
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

// What Boost 1.74 lacks, for elements without a fixed layout. Found by argument-dependent lookup on the
// archive.
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
  if (index >= sizeof...(Ts)) throw DamagedError("a variant holds an alternative that it does not have");
  alternatives[index](archive, value);
}

/// The name of a type without a fixed layout, the same with g++ and clang++.
std::string class_name(const std::type_info& type);

/// What is stored to tell types apart: "[f64]", "(i32,str)", or "boost:Model" for a class.
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

/// The value of all of `bytes`. Throws DamagedError if they are not one.
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
  if (!reader.left().empty()) throw DamagedError("a value is shorter than its bytes");
  return value;
}

}  // namespace tasker::detail

BOOST_SERIALIZATION_REGISTER_ARCHIVE(tasker::detail::OutArchive)
BOOST_SERIALIZATION_REGISTER_ARCHIVE(tasker::detail::InArchive)
