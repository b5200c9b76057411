// Catch2 under mpirun: every rank runs every test, in the same order.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "support/catch.hpp"
#include "talk/mpi/session.hpp"

#include <catch2/catch.hpp>
#include <mpi.h>

#include <cstdio>

namespace {

// A rank that failed leaves the test early: end the job instead of letting the others wait for it.
class AbortOnFailure : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (stats.totals.assertions.allPassed()) return;
    std::fflush(nullptr);
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
};
CATCH_REGISTER_LISTENER(AbortOnFailure)

}  // namespace

int main(int argc, char** argv) {
  const tasker::talk::mpi::Session mpi(argc, argv);
  return tasker::test::run_catch(argc, argv);
}
