#include "talk/thrown.hpp"

#include "base/exceptions.hpp"

#include <filesystem>
#include <new>
#include <system_error>

namespace tasker::talk {

namespace {

/// Derived classes come before their bases.
const char* type_of(const Error& error) {
  if (dynamic_cast<const TasksFailed*>(&error)) return "failed";
  if (dynamic_cast<const MismatchError*>(&error)) return "mismatch";
  if (dynamic_cast<const UsageError*>(&error)) return "usage";
  if (dynamic_cast<const DamagedError*>(&error)) return "damaged";
  if (dynamic_cast<const SystemError*>(&error)) return "system";
  if (dynamic_cast<const Left*>(&error)) return "left";
  if (dynamic_cast<const Interrupted*>(&error)) return "interrupted";
  if (dynamic_cast<const DryRun*>(&error)) return "dry run";
  return "error";
}

Thrown system_failure(const std::string& message) { return {"system", exit_system, message}; }

}  // namespace

Thrown describe(const std::exception_ptr& exception) {
  Thrown thrown{"error", exit_failed, base::text_of(exception)};
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    thrown.type = type_of(error);
    thrown.exit_code = error.exit_code();
    if (const auto* failed = dynamic_cast<const TasksFailed*>(&error)) {
      thrown.failed = failed->failed();
      thrown.total = failed->total();
      thrown.first = failed->first();
    }
  } catch (const std::bad_alloc&) {
    return system_failure("there is no memory left");
  } catch (const std::filesystem::filesystem_error&) {
    return system_failure(thrown.message);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) return system_failure(thrown.message);
    return system_failure("a thread could not be started: " + thrown.message +
                          "; allow more processes (ulimit -u) or memory");
  } catch (...) {
    // An exception of the program's own.
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
  if (type == "left")
    return std::make_exception_ptr(
        Left(message, exit_code == exit_done ? int{exit_done} : int{exit_interrupted}));
  if (type == "interrupted") return std::make_exception_ptr(Interrupted(message));
  if (type == "dry run") return std::make_exception_ptr(DryRun(message));
  return std::make_exception_ptr(Error(message, failure_code(exit_code, exit_failed)));
}

}  // namespace tasker::talk
