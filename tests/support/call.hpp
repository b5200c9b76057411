#pragma once

#include <tasker/tasker.hpp>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasker::test {

/// A map without ranks and files: arguments are encoded, `fn` is called for what is decoded from them, and
/// its results are decoded, too. What a task throws is thrown on.
template <class Fn, class Args>
class Call final : detail::Steps {
 public:
  using Result = detail::ResultOf<Fn, Args>;

  Call(Fn fn, Args& args) : call_(detail::make_call<Fn, Args>("a.dat", std::move(fn), args, {})) {
    if (call_.count > 0) call_.encode_arguments(0, call_.count, SIZE_MAX, arguments_);
    in_ = detail::Reader(arguments_);
    call_.execute(*this);
  }

  const detail::MapCall& call() const { return call_; }
  std::vector<Result> results() const {
    std::vector<Result> all;
    for (const std::string& bytes : results_) all.push_back(detail::decode<Result>(bytes));
    return all;
  }

 private:
  const detail::Step* begin_batch() override {
    if (results_.size() == call_.count) return nullptr;
    step_ = {results_.size(), 1, call_.take_argument(in_), &results_.emplace_back()};
    state_.reset();
    return &step_;
  }
  bool may_go_on() const override { return false; }
  void end_batch(detail::Binding) override {}
  void failed(std::exception_ptr exception) override { std::rethrow_exception(exception); }
  std::uint64_t task_count() const override { return call_.count; }
  std::chrono::nanoseconds time_left() const override { return std::chrono::nanoseconds::max(); }
  bool stop_requested() const override { return false; }
  void save(std::string_view state) override { state_ = state; }
  std::optional<std::string> load() override { return state_; }

  detail::MapCall call_;
  std::string arguments_;
  detail::Reader in_{{}};
  std::vector<std::string> results_;
  std::optional<std::string> state_;
};

/// What a map of `fn` over `args` returns.
template <class Fn, class Args>
auto results_of(Fn fn, Args&& args) {
  return Call<Fn, std::remove_reference_t<Args>>(std::move(fn), args).results();
}

}  // namespace tasker::test
