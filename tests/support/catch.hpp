#pragma once

namespace tasker::test {

/// Runs the tests as the command line says; returns the exit code.
int run_catch(int argc, char** argv);

}  // namespace tasker::test
