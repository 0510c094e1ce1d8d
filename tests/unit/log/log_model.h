// A node that stores seeded work, and a memory of what it was promised: what every recovery is
// measured against. A step is one append with whatever belongs to it; after each the model keeps
// what a recovery would have to find, so that after a crash the log must be one of the states
// between the last that was acknowledged and the last that was begun.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "consensus/log/log_writer.h"
#include "consensus/log/recovery.h"
#include "dataplane/base/prng.h"
#include "tests/unit/log/memory_file_system.h"

namespace ringroad::raft::durable {

struct ModelEntry {
  Term term;
  EntryType type = EntryType::kNormal;
  Bytes payload;
  bool operator==(const ModelEntry&) const = default;
};

struct ModelState {
  HardState hard_state;
  EntryId last;
  std::map<std::uint64_t, ModelEntry> entries;  // what is below a snapshot stays, for comparison
  Index snapshot;                               // durable
  AppliedConfiguration configuration;
};

// Small, so that a short run fills many segments.
LogConfig small_config();
Identity sample_identity();
ConfState sample_members();
Bytes sample_payload(Prng& prng, std::size_t size, bool is_compressible);
// What a snapshot of that name holds.
Bytes snapshot_bytes(EntryId id);

class LogModel {
 public:
  // Formats the folder, which is empty.
  LogModel(MemoryFileSystem& files, std::uint64_t seed);
  // Goes on after a recovery that found `state`.
  LogModel(MemoryFileSystem& files, std::uint64_t seed, const ModelState& state,
           const Recovered& recovered);

  void step();
  // Flushes, and says so in the log if asked to.
  void settle(bool with_mark);

  LogWriter& log() { return *log_; }
  const ModelState& state() const { return states_.back(); }
  // For each state, at how many operations of the folder it was begun and acknowledged.
  struct Step {
    std::size_t begun = 0;
    std::size_t acknowledged = ~std::size_t{0};
  };

  // Empty when `found` is a state that the folder may be in after a crash at `operations`; else
  // what is wrong with it.
  std::string judge(FileSystem& files, const Recovered& found, std::size_t operations) const;
  // Which of the states found is; for going on.
  ModelState matching(FileSystem& files, const Recovered& found) const;

 private:
  struct Begun {
    std::vector<Entry> entries;
    std::vector<Bytes> payloads;
    Work work;
    Snapshot snapshot;
  };

  void acknowledge();
  void begin(ModelState state, std::size_t operations);
  void add_entries(ModelState& state, Begun& begun);
  void snapshot_of_own(ModelState& state, Begun& begun);
  void snapshot_of_other(ModelState& state, Begun& begun);
  void write_snapshot(const Snapshot& snapshot);

  MemoryFileSystem& files_;
  Prng prng_;
  std::unique_ptr<LogWriter> log_;
  std::vector<ModelState> states_;
  std::vector<Step> steps_;
  std::vector<std::pair<std::size_t, std::uint64_t>> snapshots_;  // durable at, index
  std::uint64_t older_snapshot_ = 0;
};

// All entries that a recovery gives, from its base on.
std::map<std::uint64_t, ModelEntry> read_entries(FileSystem& files, const Recovered& found);

}  // namespace ringroad::raft::durable
