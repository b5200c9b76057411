#include "talk/mpi/outbox.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tasker::talk::mpi {

Outbox::~Outbox() {
  static auto& abandoned = *new std::vector<Sent>();
  std::ranges::move(sent_, std::back_inserter(abandoned));
}

void Outbox::post(const boost::mpi::communicator& comm, int to, int tag, const Bytes& bytes,
                  std::size_t offset, std::size_t size) {
  auto request = comm.isend(to, tag, bytes->data() + offset, static_cast<int>(size));
  if (!request.test()) sent_.push_back({to, bytes, std::move(request)});
}

bool Outbox::release() {
  return std::erase_if(sent_, [](Sent& sent) { return bool{sent.request.test()}; }) > 0;
}

void Outbox::abandon(int to) {
  const auto gone = std::ranges::stable_partition(sent_, [to](const Sent& sent) { return sent.to != to; });
  Outbox left_to_mpi;
  std::ranges::move(gone, std::back_inserter(left_to_mpi.sent_));
  sent_.erase(gone.begin(), gone.end());
}

}  // namespace tasker::talk::mpi
