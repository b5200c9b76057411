#include "talk/mpi/outbox.hpp"

#include "talk/mpi/session.hpp"

#include <utility>

namespace tasker::talk::mpi {

namespace {

void leave_to_mpi(MPI_Request& request, Bytes bytes) {
  static auto& abandoned = *new std::vector<Bytes>();
  MPI_Request_free(&request);
  abandoned.push_back(std::move(bytes));
}

}  // namespace

Outbox::~Outbox() {
  if (!running()) return;
  for (std::size_t i = 0; i < requests_.size(); ++i) leave_to_mpi(requests_[i], std::move(sent_[i].bytes));
}

void Outbox::post(MPI_Comm comm, int to, int tag, const Bytes& bytes, std::size_t offset, std::size_t size) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Isend(bytes->data() + offset, static_cast<int>(size), MPI_BYTE, to, tag, comm, &request),
        "MPI_Isend");
  int sent = 0;
  check(MPI_Test(&request, &sent, MPI_STATUS_IGNORE), "MPI_Test");
  if (sent != 0) return;
  requests_.push_back(request);
  sent_.push_back({to, bytes});
}

bool Outbox::release() {
  if (empty()) return false;
  std::vector<int> done(requests_.size());
  int count = 0;
  check(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, done.data(),
                     MPI_STATUSES_IGNORE),
        "MPI_Testsome");
  if (count <= 0) return false;
  forget_done();
  return true;
}

void Outbox::abandon(int to) {
  for (std::size_t i = 0; i < requests_.size(); ++i)
    if (sent_[i].to == to) leave_to_mpi(requests_[i], std::move(sent_[i].bytes));
  forget_done();
}

void Outbox::forget_done() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] == MPI_REQUEST_NULL) continue;
    requests_[kept] = requests_[i];
    sent_[kept++] = std::move(sent_[i]);
  }
  requests_.resize(kept);
  sent_.resize(kept);
}

}  // namespace tasker::talk::mpi
