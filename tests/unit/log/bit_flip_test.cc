// Bits that turned over at rest, anywhere in a node's folder: never is an entry handed out that is
// not as it was appended, and never is one that was acknowledged missing without being named. The
// disk's last word was a mark, as a node that is idle or was stopped writes one.
#include <gtest/gtest.h>

#include <map>

#include "consensus/log/segment_scan.h"
#include "dataplane/base/byte_order.h"
#include "log_model.h"

namespace ringroad::raft::durable {
namespace {

struct Extent {
  std::string file;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

// What was promised to be kept: records of the log but for the last (a mark, of which nothing
// depends), snapshots, manifests, identity.
std::vector<Extent> promised_bytes(const Image& image) {
  std::vector<Extent> extents;
  for (const auto& [name, bytes] : image) {
    const std::uint64_t epoch = epoch_of(name);
    if (name.ends_with(kPartSuffix)) continue;  // unfinished
    if (epoch == 0) {
      extents.push_back({name, 0, bytes.size()});
      continue;
    }
    const SegmentBytes segment{bytes, {}};
    SegmentScan scan(segment, epoch, std::nullopt);
    while (scan.next()) extents.push_back({name, scan.offset(), scan.end()});
  }
  // Segments are the last in the order of names but for snapshots.
  for (auto e = extents.rbegin(); e != extents.rend(); ++e) {
    if (epoch_of(e->file) == 0) continue;
    extents.erase(std::next(e).base());
    break;
  }
  return extents;
}

std::string judge(FileSystem& files, const Recovered& found, const ModelState& state) {
  if (found.standing == Standing::kDamaged) return "";
  if (found.standing == Standing::kFresh) return "taken for fresh";
  if (found.damages.empty()) return "no damage is reported";
  if (found.last_index() != state.last.index) return "the last index is another";
  if (found.hard_state && *found.hard_state != state.hard_state) return "another hard state";
  if (!found.hard_state && found.state.awaited < state.last.index) return "may vote";
  if (found.configuration_is_certain && found.state.configuration != state.configuration) {
    return "another configuration";
  }
  const auto entries = read_entries(files, found);
  for (const auto& [index, entry] : entries) {
    const auto same = state.entries.find(index);
    if (same == state.entries.end() || same->second != entry) return "another entry";
  }
  std::uint64_t faulty = 0;
  for (const IndexRange& range : found.faulty) faulty += range.last.value - range.first.value + 1;
  if (entries.size() + faulty != state.last.index.value - found.snapshot.index.value) {
    return "entries are neither there nor faulty";
  }
  if (faulty > 0 && found.state.awaited < state.last.index) return "may vote";
  return "";
}

struct Tally {
  std::uint64_t flips = 0, identity_or_log_gone = 0, with_faulty = 0, nothing_lost = 0;
};

void flip_many(std::uint64_t seed, std::uint64_t count, Tally& tally) {
  MemoryFileSystem files;
  LogModel model(files, seed);
  for (int i = 0; i < 70; ++i) model.step();
  model.settle(true);
  const Image image = files.image();
  const std::vector<Extent> extents = promised_bytes(image);
  Prng prng(seed);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Extent& where = extents[prng.below(extents.size())];
    const std::uint64_t at = where.from + prng.below(where.to - where.from);
    MemoryFileSystem damaged(image);
    damaged.bytes_of(where.file)[at] ^= std::byte{1} << prng.below(8);
    const auto found = recover(damaged);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(judge(damaged, *found, model.state()), "")
        << where.file << " at " << at << ", seed " << seed;
    ++tally.flips;
    if (found->standing == Standing::kDamaged) {
      ++tally.identity_or_log_gone;
      continue;
    }
    ++(found->faulty.empty() ? tally.nothing_lost : tally.with_faulty);
    if (i % 16 != 0) continue;
    // Opened and read once more, it says the same.
    ASSERT_TRUE(LogWriter::open(damaged, small_config(), *found).ok());
    const auto again = recover(damaged);
    ASSERT_EQ(judge(damaged, *again, model.state()), "");
    ASSERT_EQ(again->faulty, found->faulty);
  }
}

TEST(BitFlips, OfTwelveThousandNoneIsAcceptedSilentlyAndNothingAcknowledgedIsLostSilently) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    flip_many(seed, 300, tally);
    if (HasFatalFailure()) return;
  }
  RecordProperty("flips", static_cast<int>(tally.flips));
  EXPECT_GE(tally.flips, 12'000u);
  EXPECT_GT(tally.with_faulty, 1000u);
  EXPECT_GT(tally.nothing_lost, 1000u);
  EXPECT_LT(tally.identity_or_log_gone, tally.flips / 10);
}

TEST(BitFlips, WholeSectorsOfNoiseAreNeitherAcceptedNorLostSilently) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    MemoryFileSystem files;
    LogModel model(files, seed);
    for (int i = 0; i < 70; ++i) model.step();
    model.settle(true);
    const Image image = files.image();
    const std::vector<Extent> extents = promised_bytes(image);
    Prng prng(seed);
    for (int i = 0; i < 40; ++i) {
      const Extent& where = extents[prng.below(extents.size())];
      MemoryFileSystem damaged(image);
      Bytes& bytes = damaged.bytes_of(where.file);
      // Not the mark: without it, the last record might as well be torn.
      const std::uint64_t from = where.from;
      for (std::uint64_t at = from; at < std::min(from + 512, where.to); ++at) {
        bytes[at] = static_cast<std::byte>(prng.below(256));
      }
      const auto found = recover(damaged);
      ASSERT_TRUE(found.ok());
      ASSERT_EQ(judge(damaged, *found, model.state()), "")
          << where.file << " at " << from << ", seed " << seed;
    }
  }
}

TEST(BitFlips, BehindTheEndOfTheLogChangeNothing) {
  MemoryFileSystem files;
  LogModel model(files, 5);
  for (int i = 0; i < 70; ++i) model.step();
  model.settle(true);
  const auto intact = recover(files);
  const std::string active = segment_name(intact->segments.back().epoch);
  Prng prng(5);
  for (int i = 0; i < 500; ++i) {
    MemoryFileSystem damaged(files.image());
    Bytes& bytes = damaged.bytes_of(active);
    bytes[intact->offset + prng.below(bytes.size() - intact->offset)] ^= std::byte{4};
    const auto found = recover(damaged);
    ASSERT_TRUE(found->damages.empty());
    ASSERT_EQ(read_entries(damaged, *found), read_entries(files, *intact));
  }
}

}  // namespace
}  // namespace ringroad::raft::durable
