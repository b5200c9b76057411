#pragma once

#include "talk/mpi/mailbox.hpp"

#include <catch2/catch.hpp>
#include <mpi.h>

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <utility>

/// What tests of the mailbox share, in which every rank runs every line.
namespace tasker::test {

/// Long enough for the most loaded machine; a test that waits this long fails.
inline base::Time soon() { return base::Clock::now() + std::chrono::seconds(60); }

inline talk::Envelope next(talk::mpi::Mailbox& mailbox) {
  auto envelope = mailbox.wait(soon());
  REQUIRE(envelope);
  return std::move(*envelope);
}

/// Bytes that differ from place to place, so that a part in the wrong place shows.
inline std::string pattern(std::size_t length, unsigned seed) {
  std::minstd_rand random(seed + 1);
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() >> 16);
  return bytes;
}

/// Everybody has received what was sent to it: a test ends quietly, so that the next mailbox starts quietly.
inline void leave(talk::mpi::Mailbox& mailbox) {
  CHECK(mailbox.flush(soon()));
  CHECK_FALSE(mailbox.wait(base::Clock::now()));
  MPI_Barrier(MPI_COMM_WORLD);
}

}  // namespace tasker::test
