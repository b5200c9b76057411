#include "run/worker.hpp"

#include "base/hash.hpp"
#include "base/process.hpp"
#include "cluster/cpus.hpp"
#include "execute/run_chunk.hpp"
#include "run/journal_sink.hpp"
#include "run/map_end.hpp"
#include "store/hold.hpp"

#include <tasker/detail/archive.hpp>

#include <array>
#include <thread>
#include <utility>

namespace tasker::runtime {

namespace {

/// Frames go to rank 0, which writes them, in order with all other messages.
class MailSink final : public execute::FrameSink {
 public:
  MailSink(Desk& desk, std::uint64_t seed) : desk_(desk), seed_(seed) {}
  void write(const store::FrameInfo& info, std::string_view head, std::string_view tail) override {
    Records records;
    records.frame = store::frame_header(info, head, tail, seed_);
    records.frame += head;
    records.frame += tail;
    desk_.post_frame(pack(std::move(records)));
  }
  void sync() override {}

 private:
  Desk& desk_;
  std::uint64_t seed_;
};

/// Executes chunks until the desk is closed. Throws SystemError when records can't be written.
void execute_chunks(Desk& desk, const detail::MapCall& call, std::uint64_t tasks, execute::FrameSink& sink,
                    execute::Recorder& recorder) {
  while (const auto chunk = desk.take_chunk()) {
    execute::ChunkReport report = execute::run_chunk(*chunk, call, tasks, recorder);
    if (report.tasks > 0) sink.sync();
    desk.finish(chunk, std::move(report));
  }
}

}  // namespace

std::optional<End> Listener::handle(const Envelope& envelope) {
  const auto kind = kind_of(envelope.bytes);
  if (!kind || envelope.source != 0)
    throw DamagedError("rank " + std::to_string(envelope.source) + " sent nonsense");
  switch (*kind) {
    case Kind::work: {
      auto work = unpack<Work>(envelope.bytes);
      desk_.push(std::make_shared<execute::Chunk>(work.chunk, std::move(work.tasks), std::move(work.attempts),
                                                  std::move(work.arguments)));
      return std::nullopt;
    }
    case Kind::take_back: {
      const auto request = unpack<TakeBackRequest>(envelope.bytes);
      Kept kept;
      kept.chunk = request.chunk;
      const auto chunk = desk_.find(request.chunk);
      kept.known = chunk != nullptr;
      if (chunk) kept.kept = chunk->take_back();
      comm_.send(0, pack(kept));
      return std::nullopt;
    }
    case Kind::recorded: desk_.credit(unpack<Recorded>(envelope.bytes).bytes); return std::nullopt;
    case Kind::finish: desk_.close(false); return std::nullopt;
    case Kind::end: return unpack<End>(envelope.bytes);
    default: throw DamagedError("rank 0 sent a message that only workers send");
  }
}

void Listener::send_messages() {
  for (std::string& message : desk_.take_messages()) comm_.send(0, std::move(message));
}

std::optional<End> Listener::hear() {
  std::array<pollfd, 1> watched{{{desk_.fd(), POLLIN, 0}}};
  const auto envelope = comm_.wait(Time::max(), watched);
  send_messages();
  return envelope ? handle(*envelope) : std::nullopt;
}

End Listener::listen() {
  std::optional<End> end;
  bool in_trouble = false;
  while (!end) {
    try {
      end = hear();
    } catch (...) {
      const End trouble = describe(std::current_exception());
      desk_.close(true);
      // Rank 0 is told, and ends the map for all alike; but if even that fails, nobody can be told.
      if (std::exchange(in_trouble, true) || !try_to_tell(trouble)) end = trouble;
    }
  }
  desk_.close(true);
  return *end;
}

bool Listener::try_to_tell(const End& trouble) {
  try {
    comm_.send(0, pack(Trouble{trouble.exit_code, trouble.message}));
    return true;
  } catch (const Error&) {
    return false;
  }
}

End work(Comm& comm, const detail::MapCall& call, const Start& start) {
  Ready ready;
  ready.sees_directory = store::hold_is_of(start.directory, start.run);
  ready.host = base::this_process().host;
  ready.build = base::build_id();
  ready.cpus = cluster::available_cpus();
  comm.send(0, pack(ready));

  detail::MapCall declared = call;  // rank 0's options count
  declared.options.version = start.version;
  declared.options.inputs = {start.inputs_low, start.inputs_high};
  declared.options.seed = start.seed;
  const store::Fingerprinter fingerprint(declared);

  store::JournalName name;
  name.sequence = start.sequence;
  name.rank = comm.rank();
  base::from_hex(start.run, name.id);
  const store::Manifest manifest{start.tasks,
                                 call.argument_type,
                                 call.result_type,
                                 start.columns,
                                 base::to_hex(fingerprint.digest()),
                                 store::boost_version()};
  const store::Origin origin{start.run, start.sequence, comm.rank(), ready.host, ready.build, start.tasks};

  Desk desk;
  End end;
  std::thread talking([&] { end = Listener(comm, desk).listen(); });
  try {
    JournalSink own(
        {std::filesystem::path(start.directory) / name.to_string(), name.id, {manifest, {origin}}},
        start.power);
    MailSink mail(desk, name.id);
    execute::FrameSink& sink = ready.sees_directory ? static_cast<execute::FrameSink&>(own) : mail;
    execute::Recorder recorder(sink, fingerprint, start.keep_arguments);
    execute_chunks(desk, call, start.tasks, sink, recorder);
    own.close();
    desk.post(pack(Closed{}));
  } catch (...) {
    // Rank 0 ends the map then, for all alike.
    const End trouble = describe(std::current_exception());
    desk.post(pack(Trouble{trouble.exit_code, trouble.message}));
  }
  talking.join();
  return end;
}

}  // namespace tasker::runtime
