#include "mpi/outbox.hpp"

#include "mpi/session.hpp"

#include <iterator>
#include <utility>

namespace tasker::mpi {

Outbox::~Outbox() {
  if (!running()) return;
  static auto& abandoned = *new std::vector<Bytes>();
  for (MPI_Request& request : requests_) MPI_Request_free(&request);
  std::move(bytes_.begin(), bytes_.end(), std::back_inserter(abandoned));
}

void Outbox::post(MPI_Comm comm, int to, int tag, const Bytes& bytes, std::size_t offset, std::size_t size) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Isend(bytes->data() + offset, static_cast<int>(size), MPI_BYTE, to, tag, comm, &request),
        "MPI_Isend");
  int sent = 0;
  check(MPI_Test(&request, &sent, MPI_STATUS_IGNORE), "MPI_Test");
  if (sent != 0) return;
  requests_.push_back(request);
  bytes_.push_back(bytes);
}

bool Outbox::release() {
  if (empty()) return false;
  std::vector<int> done(requests_.size());
  int count = 0;
  check(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, done.data(),
                     MPI_STATUSES_IGNORE),
        "MPI_Testsome");
  if (count <= 0) return false;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] == MPI_REQUEST_NULL) continue;
    requests_[kept] = requests_[i];
    bytes_[kept++] = std::move(bytes_[i]);
  }
  requests_.resize(kept);
  bytes_.resize(kept);
  return true;
}

}  // namespace tasker::mpi
