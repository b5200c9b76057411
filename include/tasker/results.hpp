#pragma once

#include <tasker/detail/archive.hpp>
#include <tasker/detail/result_source.hpp>

#include <compare>
#include <cstddef>
#include <iterator>
#include <utility>

namespace tasker {

/// The results of a map, in the order of the arguments: a random-access range of values, decoded on demand
/// from the mapped archive. Opening takes no memory, however many results there are; copies share the
/// mapping.
///
/// Reading throws DamagedError where the file is damaged, MismatchError where the type's `serialize` has
/// changed so that it can't read the bytes, and SystemError on a rank that can't see the file.
template <class R>
class Results {
 public:
  using value_type = R;
  class iterator;

  Results() = default;
  explicit Results(std::shared_ptr<const detail::ResultSource> source) : source_(std::move(source)) {}

  std::uint64_t size() const { return source_ ? source_->size() : 0; }
  bool empty() const { return size() == 0; }

  /// Result `i`, by value. Throws MissingResult, with the reason, if there is none, std::out_of_range past
  /// the end.
  R operator[](std::uint64_t i) const
    requires(!std::is_void_v<R>)
  {
    require(i);
    const auto bytes = source_->result(i);
    if (!bytes) detail::throw_missing(*source_, i);
    return decode<R>(*bytes, "result", i);
  }
  /// The same.
  R at(std::uint64_t i) const
    requires(!std::is_void_v<R>)
  {
    return (*this)[i];
  }
  /// Result `i`, or nothing where a task failed or was not computed. Throws std::out_of_range beyond the end.
  auto find(std::uint64_t i) const
    requires(!std::is_void_v<R>)
  {
    require(i);
    const auto bytes = source_->result(i);
    return bytes ? std::optional<R>(decode<R>(*bytes, "result", i)) : std::nullopt;
  }
  /// Whether task `i` is done.
  bool has(std::uint64_t i) const { return i < size() && source_->result(i).has_value(); }
  /// Why task `i` failed: types and texts of the exception and those nested in it. Nothing if the task is
  /// done or was not computed. Throws std::out_of_range beyond the end.
  std::optional<std::string> failure(std::uint64_t i) const {
    require(i);
    const auto message = source_->failure(i);
    return message ? std::optional<std::string>(*message) : std::nullopt;
  }

  auto to_vector() const
    requires(!std::is_void_v<R>)
  {
    std::vector<R> all;
    all.reserve(size());
    for (std::uint64_t i = 0; i < size(); ++i) all.push_back((*this)[i]);
    return all;
  }

  /// The argument of result `i` (`Options::keep_arguments`). Throws MismatchError if arguments are not of
  /// type `A`, MissingResult if they were not kept.
  template <class A>
  A argument(std::uint64_t i) const {
    require(i);
    detail::require_argument_type(*source_, detail::schema<A>());
    const auto bytes = source_->argument(i);
    if (!bytes) detail::throw_no_argument(*source_, i);
    return decode<A>(*bytes, "argument", i);
  }
  /// Attempts, times, memory, host and rank of task `i`; nothing if there is no record of it.
  std::optional<Info> info(std::uint64_t i) const {
    require(i);
    return source_->info(i);
  }

  /// What task `i` wrote, in the attempt that counts; nothing if it wrote nothing or that was not kept
  /// (`Options::capture`).
  std::optional<Output> output(std::uint64_t i) const {
    require(i);
    return source_->output(i);
  }

  iterator begin() const { return iterator(this, 0); }
  iterator end() const { return iterator(this, static_cast<std::ptrdiff_t>(size())); }

 private:
  void require(std::uint64_t i) const {
    if (i >= size()) detail::throw_out_of_range(source_.get(), i);
  }
  /// The checksum has shown that the bytes are what was written: for another layout if they don't decode.
  template <class T>
  T decode(std::string_view bytes, const char* what, std::uint64_t i) const {
    try {
      return detail::decode<T>(bytes);
    } catch (const std::exception&) {
      detail::throw_undecodable(*source_, what, i);
    }
  }
  std::shared_ptr<const detail::ResultSource> source_;
};

/// Yields values. Valid as long as its Results lives.
template <class R>
class Results<R>::iterator {
 public:
  using iterator_concept = std::random_access_iterator_tag;
  using iterator_category = std::input_iterator_tag;
  using value_type = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
  using difference_type = std::ptrdiff_t;
  using reference = value_type;
  using pointer = void;

  iterator() = default;
  iterator(const Results* results, difference_type at) : results_(results), at_(at) {}

  reference operator*() const { return (*this)[0]; }
  reference operator[](difference_type n) const {
    if constexpr (std::is_void_v<R>)
      return {};
    else
      return (*results_)[static_cast<std::uint64_t>(at_ + n)];
  }
  iterator& operator+=(difference_type n) {
    at_ += n;
    return *this;
  }
  iterator& operator-=(difference_type n) { return *this += -n; }
  iterator& operator++() { return *this += 1; }
  iterator& operator--() { return *this -= 1; }
  iterator operator++(int) { return std::exchange(*this, *this + 1); }
  iterator operator--(int) { return std::exchange(*this, *this - 1); }
  friend iterator operator+(iterator it, difference_type n) { return it += n; }
  friend iterator operator+(difference_type n, iterator it) { return it += n; }
  friend iterator operator-(iterator it, difference_type n) { return it -= n; }
  friend difference_type operator-(const iterator& a, const iterator& b) { return a.at_ - b.at_; }
  friend auto operator<=>(const iterator&, const iterator&) = default;

 private:
  const Results* results_ = nullptr;
  difference_type at_ = 0;
};

/// The results in an archive, or in a directory `filename.mpi` of a run that goes on or has died, as far as
/// that run got. `path` is the directory or the file that it will become; links are followed. Needs no MPI.
/// Throws MismatchError if the results are not of type `R`, UsageError if nothing is there.
template <class R>
Results<R> load(const std::filesystem::path& path) {
  return Results<R>(detail::open_results(path, detail::schema<R>()));
}

}  // namespace tasker
