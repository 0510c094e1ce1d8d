// machine_apply: what the replicated state machine itself costs. One thread applies puts of one
// session, encoded as they are in the log, to keys drawn at random from a set that is already
// there; with --snapshots a snapshot is written beside them all the time, 64 KiB after every 256
// puts.
//
// Prints one JSON object: puts a second, and how often anything was allocated for one.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consensus/machine/machine.h"
#include "consensus/machine/snapshot.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/prng.h"
#include "tests/sim/operator_new.h"

namespace {

using namespace ringroad;
using namespace ringroad::machine;

std::uint64_t allocations = 0;

std::string key_name(std::uint64_t i) {
  char name[48];
  std::snprintf(name, sizeof name, "/registry/key-%010llu", static_cast<unsigned long long>(i));
  return name;
}

// Encoded puts, one a key, patched with the session's numbers as they are applied.
class Puts {
 public:
  Puts(std::uint64_t keys, std::size_t size, ClientId session) {
    const std::string value(size, 'v');
    for (std::uint64_t i = 0; i < keys; ++i) {
      const std::string key = key_name(i);
      const Request request{.kind = Kind::kPut,
                            .session = session,
                            .number = RequestNumber{1},
                            .key = std::as_bytes(std::span(key)),
                            .value = std::as_bytes(std::span(value))};
      bytes_ = encoded_bytes(request);
      all_.resize(all_.size() + bytes_);
      encode(request, std::span(all_).last(bytes_));
    }
  }
  Bytes at(std::uint64_t key, std::uint64_t number) {
    std::byte* put = all_.data() + key * bytes_;
    store_le(put + 16, number);
    store_le(put + 24, number - std::min<std::uint64_t>(number, 256));
    return {put, bytes_};
  }

 private:
  std::size_t bytes_ = 0;
  std::vector<std::byte> all_;
};

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t keys = 10'000;
  std::size_t size = 256;
  double run_seconds = 1;
  bool with_snapshots = false;
  CLI::App app{
      "Puts a second through the replicated state machine, without Raft, network and disk"};
  app.add_option("--keys", keys, "keys there are")->check(CLI::Range(1, 1 << 20));
  app.add_option("--size", size, "bytes of a value")->check(CLI::Range(0, 1 << 20));
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  app.add_flag("--snapshots", with_snapshots, "write snapshots meanwhile");
  CLI11_PARSE(app, argc, argv);
  sim::on_operator_new([] { ++allocations; });

  Limits limits;
  limits.registry_bytes_max = kLimitsCeiling.registry_bytes_max;
  Machine machine(limits);
  const Request open{.kind = Kind::kOpenSession, .time = seconds(60)};
  std::vector<std::byte> opened(encoded_bytes(open));
  encode(open, opened);
  machine.apply(Index{1}, Term{1}, opened);
  Puts puts(keys, size, ClientId{1});
  std::uint64_t number = 0, failed = 0, snapshots = 0;
  const auto apply = [&](std::uint64_t key) {
    const Answer answer = machine.apply(next(machine.applied()), Term{1}, puts.at(key, ++number));
    failed += answer.status == Status::kOk && !answer.repeated ? 0 : 1;
  };
  for (std::uint64_t key = 0; key < keys; ++key) apply(key);
  Prng prng(1);
  for (int i = 0; i < 200'000; ++i) apply(prng.below(keys));

  std::optional<SnapshotWriter> writer;
  std::vector<std::byte> piece(64 * 1024);
  const std::uint64_t before = number, allocations_before = allocations;
  const auto begin = std::chrono::steady_clock::now();
  double elapsed = 0;
  do {
    for (int i = 0; i < 256; ++i) apply(prng.below(keys));
    if (with_snapshots) {
      if (!writer) writer.emplace(machine.state());
      writer->write(piece);
      if (writer->is_done()) {
        writer.reset();
        ++snapshots;
      }
    }
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  } while (elapsed < run_seconds);
  const auto count = static_cast<double>(number - before);
  std::printf(
      "{\"value\": %.0f, \"unit\": \"puts/s\", \"size_bytes\": %zu, \"keys\": %llu, "
      "\"snapshots\": %llu, \"allocations_per_put\": %.3f}\n",
      count / elapsed, size, static_cast<unsigned long long>(keys),
      static_cast<unsigned long long>(snapshots),
      static_cast<double>(allocations - allocations_before) / count);
  if (failed > 0) {
    std::fprintf(stderr, "machine_apply: %llu puts refused\n",
                 static_cast<unsigned long long>(failed));
  }
  return failed > 0 ? 1 : 0;
}
