// A disk that keeps only what it was told to flush. Every file has two faces: what reads see, and
// what would be there after the power went. A crash decides, write by write, which of the unflushed
// ones reached the platter: whole, in part, in the wrong place, or not at all; and how many of the
// unflushed renames did, in order.
//
// Operations take effect at once: when each is performed is its caller's business (storage.h gives
// them time), and so every moment between two of them is one at which a crash can fall.
//
// Deterministic: all chance comes from the generator given. It knows nothing of Raft.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/prng.h"
#include "tests/sim/raft/tally.h"

namespace ringroad::raft::sim {

using Bytes = std::vector<std::byte>;

enum class DiskResult : std::uint8_t { kOk, kAbsent, kError, kFull };

struct DiskFaults {
  std::uint32_t write_error_ppm = 0;
  std::uint32_t flush_error_ppm = 0;
  std::uint32_t read_error_ppm = 0;
  std::uint32_t read_flip_ppm = 0;  // a bit, in what this one read returns
  bool full = false;
};

// What a crash may do to unflushed writes besides losing or keeping them.
struct CrashFaults {
  bool torn = false;
  // One of this file's lands anywhere below this offset instead of where it belongs. 0: none does.
  std::string misdirect_in;
  std::uint64_t misdirect_below = 0;
};

class Disk {
 public:
  // Whoever counts outlives the disk.
  Disk(Prng prng, Tally& tally) : prng_(prng), tally_(tally) {}

  DiskFaults faults;

  // Creates the file when it is not there.
  [[nodiscard]] DiskResult write(const std::string& name, std::uint64_t offset,
                                 std::span<const std::byte> bytes);
  [[nodiscard]] DiskResult flush(const std::string& name);
  // Replaces `to`.
  [[nodiscard]] DiskResult rename(const std::string& from, const std::string& to);
  void remove(const std::string& name);
  [[nodiscard]] DiskResult flush_directory();
  [[nodiscard]] DiskResult read(const std::string& name, Bytes& out);

  // Whether a write went astray.
  bool lose_power(const CrashFaults& crash);
  // Damage at rest: one bit, for good. False when there is nothing at that place.
  bool rot(const std::string& name, std::uint64_t offset);

  // For whoever checks: what surely survives a crash now.
  struct Durable {
    std::uint64_t inode = 0;  // 0: no such file
    std::span<const std::byte> bytes;
  };
  Durable durable(const std::string& name) const;

 private:
  struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  struct Inode {
    Bytes seen;
    Bytes durable;
    std::vector<Extent> unflushed;
  };
  using Directory = std::map<std::string, std::uint64_t>;

  Inode& inode(std::uint64_t number) { return inodes_[number - 1]; }
  static void keep(Inode& file, std::uint64_t from, std::uint64_t to, std::uint64_t size);
  DiskResult refuse(DiskResult result, Fault fault);
  void settle(Inode& file, const Extent& extent, bool torn);
  bool misdirect(const CrashFaults& crash);

  Prng prng_;
  Tally& tally_;
  std::vector<Inode> inodes_;  // by number, from 1 on
  Directory seen_;
  Directory durable_;
  std::vector<Directory> unflushed_;  // the directory after each change since the last flush
};

}  // namespace ringroad::raft::sim
