// log_append: what the log writer gets onto a disk. One thread, one log, nothing else: batches of
// 64 KB are appended and flushed one after another, and what is appended is forgotten again a few
// segments later, so that segments are recycled as they are behind a snapshot. The payloads do not
// compress, and the log tries.
//
// It writes into a folder of its own below --folder, and removes it at the end. Prints one JSON
// object: bytes of entries a second, and how often anything was allocated while they were counted.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "consensus/log/log_writer.h"
#include "consensus/log/posix_file_system.h"
#include "consensus/log/recovery.h"
#include "dataplane/base/prng.h"
#include "tests/sim/operator_new.h"

namespace {

using namespace ringroad;
using namespace ringroad::raft;

std::uint64_t allocations = 0;

int fail(const absl::Status& status) {
  std::fprintf(stderr, "log_append: %s\n", std::string{status.message()}.c_str());
  return 1;
}

class Appender {
 public:
  Appender(durable::LogWriter& log, std::size_t size, std::size_t batch) : log_(log) {
    Prng prng(1);
    payload_.resize(size * batch);
    for (std::byte& byte : payload_) byte = static_cast<std::byte>(prng.next());
    entries_.resize(batch);
    for (std::size_t i = 0; i < batch; ++i) {
      entries_[i] = {Term{1}, {}, payload_.data() + i * size, static_cast<std::uint32_t>(size)};
    }
  }

  bool run(std::uint32_t batches) {
    for (std::uint32_t i = 0; i < batches; ++i) {
      for (Entry& e : entries_) e.index = last_ = next(last_);
      durable::Work work;
      work.hard_state = HardState{Term{1}, NodeId{1}, last_};
      work.entries = entries_;
      if (log_.append(work) != durable::Outcome::kOk) return false;
      if (log_.flush() != durable::Outcome::kOk) return false;
      const std::uint64_t kept = (128u << 20) / payload_.size() * entries_.size();
      if (last_.value > kept) log_.release(Index{last_.value - kept});
      if (log_.prepare() == durable::PoolStep::kFailed) return false;
    }
    return true;
  }
  std::uint64_t batch_bytes() const { return payload_.size(); }

 private:
  durable::LogWriter& log_;
  std::vector<std::byte> payload_;
  std::vector<Entry> entries_;
  Index last_;
};

absl::Status measure(const std::string& folder, std::size_t size, std::size_t batch,
                     double run_seconds) {
  const durable::LogConfig config;
  auto files = durable::PosixFileSystem::create(folder);
  if (!files.ok()) return files.status();
  ConfState members;
  members.voters.insert(NodeId{1});
  absl::Status status = durable::format(**files, config, {"perf", NodeId{1}, 1}, members);
  if (!status.ok()) return status;
  const auto recovered = durable::recover(**files);
  if (!recovered.ok()) return recovered.status();
  auto log = durable::LogWriter::open(**files, config, *recovered);
  if (!log.ok()) return log.status();

  Appender appender(**log, size, batch);
  // Until segments are recycled.
  const auto warm_up = static_cast<std::uint32_t>((320u << 20) / appender.batch_bytes());
  if (!appender.run(warm_up)) return (*log)->failure();
  const std::uint64_t allocations_before = allocations;
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t batches = 0;
  double elapsed = 0;
  do {
    if (!appender.run(16)) return (*log)->failure();
    batches += 16;
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  } while (elapsed < run_seconds);
  const std::uint64_t allocated = allocations - allocations_before;
  std::printf(
      "{\"value\": %.0f, \"unit\": \"bytes/s\", \"size_bytes\": %zu, \"batch\": %zu, "
      "\"flushes_per_s\": %.0f, \"allocations\": %llu}\n",
      static_cast<double>(batches * appender.batch_bytes()) / elapsed, size, batch,
      static_cast<double>(batches) / elapsed, static_cast<unsigned long long>(allocated));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path().string();
  std::size_t size = 4096, batch = 16;
  double run_seconds = 1;
  CLI::App app{"Bytes of entries a second through a log writer, each batch flushed"};
  app.add_option("--folder", folder, "on the disk to be measured")->capture_default_str();
  app.add_option("--size", size, "payload bytes of an entry")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--batch", batch, "entries to a flush")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sim::on_operator_new([] { ++allocations; });
  std::string own = folder + "/ringroad-log-XXXXXX";
  if (::mkdtemp(own.data()) == nullptr) {
    std::fprintf(stderr, "log_append: no folder can be made in %s\n", folder.c_str());
    return 1;
  }
  const absl::Status status = measure(own, size, batch, run_seconds);
  std::error_code ignored;
  std::filesystem::remove_all(own, ignored);
  return status.ok() ? 0 : fail(status);
}
