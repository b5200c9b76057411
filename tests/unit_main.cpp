#include "support/catch.hpp"

int main(int argc, char** argv) { return tasker::test::run_catch(argc, argv); }
