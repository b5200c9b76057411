#include "talk/thrown.hpp"

#include "base/exceptions.hpp"

#include <filesystem>
#include <new>
#include <system_error>

namespace tasker::talk {

namespace {

template <class E>
bool describe_as(const char* type, const Error& error, Thrown& thrown) {
  if (!dynamic_cast<const E*>(&error)) return false;
  thrown.type = type;
  return true;
}

Thrown refusal(const std::string& message) { return {"system", exit_system, message}; }

}  // namespace

Thrown describe(const std::exception_ptr& exception) {
  Thrown thrown{"error", exit_failed, base::text_of(exception)};
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    thrown.exit_code = error.exit_code();
    // The derived ones first.
    (void)(describe_as<TasksFailed>("failed", error, thrown) ||
           describe_as<MismatchError>("mismatch", error, thrown) ||
           describe_as<UsageError>("usage", error, thrown) ||
           describe_as<DamagedError>("damaged", error, thrown) ||
           describe_as<SystemError>("system", error, thrown) ||
           describe_as<Interrupted>("interrupted", error, thrown) ||
           describe_as<DryRun>("dry run", error, thrown));
    if (const auto* failed = dynamic_cast<const TasksFailed*>(&error)) {
      thrown.failed = failed->failed();
      thrown.total = failed->total();
      thrown.first = failed->first();
    }
  } catch (const std::bad_alloc&) {
    return refusal("there is no memory left");
  } catch (const std::filesystem::filesystem_error&) {
    return refusal(thrown.message);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) return refusal(thrown.message);
    return refusal("a thread could not be started: " + thrown.message +
                   "; allow more processes (ulimit -u) or memory");
  } catch (...) {
    // One of the program's own.
  }
  return thrown;
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

std::exception_ptr to_exception(const Thrown& thrown) {
  const auto& [type, exit_code, message, failed, total, first] = thrown;
  if (type == "failed") return std::make_exception_ptr(TasksFailed(message, failed, total, first));
  if (type == "mismatch") return std::make_exception_ptr(MismatchError(message));
  if (type == "usage") return std::make_exception_ptr(UsageError(message));
  if (type == "damaged") return std::make_exception_ptr(DamagedError(message));
  if (type == "system") return std::make_exception_ptr(SystemError(message));
  if (type == "interrupted") return std::make_exception_ptr(Interrupted(message));
  if (type == "dry run") return std::make_exception_ptr(DryRun(message));
  return std::make_exception_ptr(Error(message, failure_code(exit_code, exit_failed)));
}

}  // namespace tasker::talk
