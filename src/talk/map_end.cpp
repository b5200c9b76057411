#include "talk/map_end.hpp"

#include "base/exceptions.hpp"

#include <filesystem>
#include <new>
#include <system_error>

namespace tasker::talk {

namespace {

template <class E>
bool describe_as(const char* type, const Error& error, End& end) {
  if (!dynamic_cast<const E*>(&error)) return false;
  end.type = type;
  return true;
}

End refusal(const std::string& message) {
  End end;
  end.type = "system";
  end.exit_code = exit_system;
  end.message = message;
  return end;
}

}  // namespace

End describe(const std::exception_ptr& exception) {
  End end;
  end.exit_code = exit_failed;
  end.type = "error";
  end.message = base::text_of(exception);
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    end.exit_code = error.exit_code();
    // The derived ones first.
    (void)(describe_as<TasksFailed>("failed", error, end) ||
           describe_as<MismatchError>("mismatch", error, end) ||
           describe_as<UsageError>("usage", error, end) || describe_as<DamagedError>("damaged", error, end) ||
           describe_as<SystemError>("system", error, end) ||
           describe_as<Interrupted>("interrupted", error, end) || describe_as<DryRun>("dry run", error, end));
    if (const auto* failed = dynamic_cast<const TasksFailed*>(&error)) {
      end.failed = failed->failed();
      end.tasks = failed->total();
      for (const TaskFailure& failure : failed->first())
        end.failures.emplace_back(failure.index, failure.count, failure.message, failure.output);
    }
  } catch (const std::bad_alloc&) {
    return refusal("there is no memory left");
  } catch (const std::filesystem::filesystem_error&) {
    return refusal(end.message);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) return refusal(end.message);
    return refusal("a thread could not be started: " + end.message +
                   "; allow more processes (ulimit -u) or memory");
  } catch (...) {
    // One of the program's own.
  }
  return end;
}

void rethrow_as_error() {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (...) {
    std::rethrow_exception(to_exception(describe(std::current_exception())));
  }
}

int failure_code(std::int32_t told, int otherwise) { return told > 0 && told < 256 ? told : otherwise; }

std::exception_ptr to_exception(const End& end) {
  if (end.type == "failed") {
    std::vector<TaskFailure> first;
    first.reserve(end.failures.size());
    for (const auto& [index, count, cause, lines] : end.failures)
      first.push_back({index, cause, count, lines});
    return std::make_exception_ptr(TasksFailed(end.message, end.failed, end.tasks, first));
  }
  if (end.type == "mismatch") return std::make_exception_ptr(MismatchError(end.message));
  if (end.type == "usage") return std::make_exception_ptr(UsageError(end.message));
  if (end.type == "damaged") return std::make_exception_ptr(DamagedError(end.message));
  if (end.type == "system") return std::make_exception_ptr(SystemError(end.message));
  if (end.type == "interrupted") return std::make_exception_ptr(Interrupted(end.message));
  if (end.type == "dry run") return std::make_exception_ptr(DryRun(end.message));
  return std::make_exception_ptr(Error(end.message, failure_code(end.exit_code, exit_failed)));
}

}  // namespace tasker::talk
