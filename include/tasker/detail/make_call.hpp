#pragma once

#include <tasker/context.hpp>
#include <tasker/detail/archive.hpp>
#include <tasker/detail/call.hpp>
#include <tasker/detail/kept.hpp>
#include <tasker/expected.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tasker::detail {

template <class Args>
concept Arguments = std::ranges::random_access_range<Args> && std::ranges::sized_range<Args>;

template <class Args>
using ArgumentOf = KeptAs<std::ranges::range_value_t<Args>>;

template <class Range>
constexpr bool is_plain_iota = false;
template <std::integral T, class Bound>
constexpr bool is_plain_iota<std::ranges::iota_view<T, Bound>> = true;

template <class Args>
constexpr bool lie_in_memory =
    std::ranges::contiguous_range<Args> && Fixed<std::ranges::range_value_t<Args>> &&
    std::same_as<ArgumentOf<Args>, std::ranges::range_value_t<Args>>;

/// Whether elements can be read at any time and by any thread, without running code of the program.
template <class Args>
constexpr bool readable_in_place = is_plain_iota<std::remove_cv_t<Args>> || lie_in_memory<Args>;

/// As MapCall::encode_arguments.
template <class Args>
std::uint64_t encode_elements(Args& args, std::uint64_t first, std::uint64_t last, std::size_t most,
                              std::string& out) {
  using Arg = ArgumentOf<Args>;
  constexpr bool after_size = !size_of_each<Arg>();
  auto it = std::ranges::begin(args) + static_cast<std::ranges::range_difference_t<Args>>(first);
  std::uint64_t index = first;
  do {
    const std::size_t size_at = out.size();
    try {
      if constexpr (after_size) put(out, std::uint64_t{0});
      const auto& element = *it;
      detail::encode<Arg>(out, detail::kept<Arg>(element));
    } catch (...) {
      out.resize(size_at);
      throw;
    }
    if constexpr (after_size) {
      const auto size = little_endian(std::uint64_t{out.size() - size_at - sizeof(std::uint64_t)});
      std::memcpy(out.data() + size_at, &size, sizeof size);
    }
    ++it;
  } while (++index < last && out.size() < most);
  return index - first;
}

/// The same for elements whose bytes in memory are those of their layout.
template <class T>
std::uint64_t copy_elements(const T* elements, std::uint64_t first, std::uint64_t last, std::size_t most,
                            std::string& out) {
  const std::uint64_t room = most > out.size() ? (most - out.size() - 1) / sizeof(T) + 1 : 1;
  const std::uint64_t count = std::min(last - first, room);
  out.append(reinterpret_cast<const char*>(elements + first), count * sizeof(T));
  return count;
}

template <class Fn, class Arg, class... More>
struct Applicable : std::false_type {};
template <class Fn, class Arg, class... More>
  requires TupleLike<Arg>
struct Applicable<Fn, Arg, More...> : decltype([]<std::size_t... I>(std::index_sequence<I...>) {
  return std::bool_constant<std::is_invocable_v<Fn&, std::tuple_element_t<I, Arg>..., More...>>{};
}(std::make_index_sequence<std::tuple_size_v<Arg>>{})) {};

/// Calls `fn` as std::invoke does, in the first form that compiles: fn(arg), fn(a, b, ...), fn(arg, context),
/// fn(a, b, ..., context). Whether a lambda with `auto` compiles can only be found out by instantiating its
/// body if the number of parameters fits; so no further form is tried once one fits.
template <class Fn, class Arg>
decltype(auto) call_fn(Fn& fn, Arg& arg, Context& context) {
  if constexpr (std::is_invocable_v<Fn&, Arg>) {
    return std::invoke(fn, std::move(arg));
  } else if constexpr (std::is_invocable_v<Fn&, Arg&>) {
    return std::invoke(fn, arg);
  } else if constexpr (Applicable<Fn, Arg>::value) {
    return std::apply(fn, std::move(arg));
  } else if constexpr (std::is_invocable_v<Fn&, Arg, Context&>) {
    return std::invoke(fn, std::move(arg), context);
  } else if constexpr (Applicable<Fn, Arg, Context&>::value) {
    return std::apply(
        [&](auto&&... parts) -> decltype(auto) { return std::invoke(fn, std::move(parts)..., context); },
        std::move(arg));
  } else {
    static_assert(!sizeof(Fn),
                  "map: fn can be called neither as fn(arg) nor as fn(a, b, ...) with the elements of "
                  "a tuple-like argument, with or without a tasker::Context& behind them; text that "
                  "belongs to somebody else (char*, std::string_view) comes as a std::string");
  }
}

template <class Fn, class Args>
using ResultOf = KeptAs<std::decay_t<decltype(detail::call_fn(
    std::declval<Fn&>(), std::declval<ArgumentOf<Args>&>(), std::declval<Context&>()))>>;

/// Calls `fn` for every step. Only what the program's code throws fails a task; what Steps throws ends the
/// map.
template <class Arg, class Result, class Fn>
void execute(Fn& fn, Steps& steps) {
  while (const Step* const step = steps.next()) {
    Context context(steps, *step);
    std::exception_ptr exception;
    try {
      auto arg = detail::decode<Arg>(step->argument);
      if constexpr (std::is_void_v<Result>)
        detail::call_fn(fn, arg, context);
      else
        detail::encode<Result>(*step->results, detail::kept<Result>(detail::call_fn(fn, arg, context)));
    } catch (...) {
      exception = std::current_exception();
    }
    if (exception)
      steps.failed(exception);
    else
      steps.done(context.asked_);
  }
}

/// `args` must outlive the MapCall; `fn` is moved into it.
template <class Fn, class Args>
MapCall make_call(std::filesystem::path path, Fn fn, Args& args, Options options) {
  using Arg = ArgumentOf<Args>;
  using Result = ResultOf<Fn, Args>;
  require_value<Arg>();
  if constexpr (!std::is_void_v<Result>) require_value<Result>();
  MapCall call;
  call.path = std::move(path);
  call.options = std::move(options);
  call.argument_type = schema<Arg>();
  call.result_type = schema<Result>();
  call.count = static_cast<std::uint64_t>(std::ranges::size(args));
  call.argument_size = size_of_each<Arg>();
  call.encode_arguments = [&args](std::uint64_t first, std::uint64_t last, std::size_t most,
                                  std::string& out) {
    if constexpr (lie_in_memory<Args> && AsInMemory<Arg>)
      return detail::copy_elements(std::ranges::data(args), first, last, most, out);
    else
      return detail::encode_elements(args, first, last, most, out);
  };
  call.in_place = readable_in_place<Args>;
  call.function = detail::function_of(fn);
  call.execute = [fn = std::make_shared<Fn>(std::move(fn))](Steps& steps) {
    detail::execute<Arg, Result>(*fn, steps);
  };
  return call;
}

template <class Args, class G>
void add_to_call(MapCall& call, Args&, Expected<G> expected) {
  using Arg = ArgumentOf<Args>;
  call.expected = [duration_of = std::move(expected.duration_of)](std::string_view argument) mutable {
    const auto arg = detail::decode<Arg>(argument);
    const std::chrono::duration<double> seconds = [&] {
      if constexpr (std::is_invocable_v<G&, const Arg&>)
        return std::invoke(duration_of, arg);
      else
        return std::apply(duration_of, arg);
    }();
    return seconds.count();
  };
}

}  // namespace tasker::detail
