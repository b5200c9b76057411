#pragma once

#include <tasker/detail/archive.hpp>
#include <tasker/detail/kept.hpp>
#include <tasker/digest.hpp>
#include <tasker/plain.hpp>

#include <concepts>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tasker {

/// A file whose content belongs to a digest; its name does not. Links are followed. A FIFO, such as the one
/// of `<(command)`, is read to its end. Only one rank can read a FIFO; the others may pass an empty Digest,
/// since only rank 0's options count.
struct File {
  std::filesystem::path path;
};
inline File file(std::filesystem::path path) { return {std::move(path)}; }

/// Else the digest of a std::vector<File> would be one of names.
template <>
inline constexpr bool plain<File> = false;

namespace detail {
/// Appends the digest of the file's content. Throws SystemError if the file can't be read.
void append_part(std::string& bytes, const File& file);

template <class T>
void append_part(std::string& bytes, const T& value) {
  using K = KeptAs<T>;
  bytes += schema<K>() + '=';
  if constexpr (std::is_array_v<T> && std::same_as<K, std::string>)
    detail::encode<K>(bytes, std::string(value, std::extent_v<T> - (std::end(value)[-1] == '\0' ? 1 : 0)));
  else
    detail::encode<K>(bytes, detail::kept<K>(value));
}

Digest digest_of(std::string_view bytes);
}  // namespace detail

/// The digest of values (anything that could be an argument) and of files' contents, in the given order. An
/// array of char counts as a whole, without a zero at its end. Use: `Options{.inputs = tasker::digest(k,
/// tasker::file("model.dat"))}`.
template <class... Parts>
Digest digest(const Parts&... parts) {
  std::string bytes;
  (detail::append_part(bytes, parts), ...);
  return detail::digest_of(bytes);
}

}  // namespace tasker
