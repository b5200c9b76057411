// The one file that compiles Catch2 itself.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

#include <catch2/catch.hpp>

int tasker::test::run_catch(int argc, char** argv) { return Catch::Session().run(argc, argv); }
