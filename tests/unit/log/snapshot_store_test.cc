#include "consensus/log/snapshot_store.h"

#include <gtest/gtest.h>

#include "log_model.h"

namespace ringroad::raft::durable {
namespace {

Snapshot store(FileSystem& files, std::uint64_t index, const Bytes& bytes, std::size_t piece) {
  const Snapshot snapshot{Index{index}, Term{3}, sample_members(), bytes.size()};
  auto writer = SnapshotWriter::begin(files, snapshot.last());
  EXPECT_TRUE(writer.ok());
  for (auto rest = std::span<const std::byte>(bytes); !rest.empty();) {
    const auto part = rest.first(std::min(piece, rest.size()));
    EXPECT_TRUE((*writer)->append(part).ok());
    rest = rest.subspan(part.size());
  }
  EXPECT_TRUE((*writer)->finish(snapshot).ok());
  return snapshot;
}

Bytes content(std::size_t size) {
  Prng prng(size);
  return sample_payload(prng, size, false);
}

TEST(SnapshotStore, WhatIsStoredInAnyPiecesIsReadBackChunkByChunk) {
  const Bytes bytes = content(2 * kSnapshotChunkBytes + 1234);
  for (const std::size_t piece : {std::size_t{777'777}, bytes.size()}) {
    MemoryFileSystem files;
    const Snapshot snapshot = store(files, 9, bytes, piece);
    auto reader = SnapshotReader::open(files, snapshot.last());
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ((*reader)->snapshot().conf, sample_members());
    ASSERT_EQ((*reader)->chunks(), 3u);
    Bytes back;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto chunk = (*reader)->chunk(i);
      ASSERT_TRUE(chunk.ok());
      back.insert(back.end(), chunk->begin(), chunk->end());
    }
    EXPECT_EQ(back, bytes);
    EXPECT_TRUE((*reader)->verify().ok());
  }
}

TEST(SnapshotStore, OfManyTheLatestTwoAreLeft) {
  MemoryFileSystem files;
  for (std::uint64_t i = 1; i <= 5; ++i) store(files, i, content(100), 100);
  const auto found = find_snapshots(files);
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ(found->at(0).snapshot.index, Index{5});
  EXPECT_EQ(found->at(1).snapshot.index, Index{4});
  EXPECT_EQ(files.image().size(), 4u);
}

TEST(SnapshotStore, AnUnfinishedOrIncompleteOneIsNotThere) {
  MemoryFileSystem files;
  auto writer = SnapshotWriter::begin(files, {Term{3}, Index{9}});
  ASSERT_TRUE((*writer)->append(content(100)).ok());
  EXPECT_TRUE(find_snapshots(files)->empty());
  const Snapshot longer{Index{9}, Term{3}, sample_members(), 101};
  EXPECT_TRUE(absl::IsFailedPrecondition((*writer)->finish(longer)));
  EXPECT_TRUE(find_snapshots(files)->empty());
  EXPECT_TRUE(absl::IsNotFound(SnapshotReader::open(files, {Term{3}, Index{9}}).status()));
}

TEST(SnapshotStore, ChunksOfAnotherOrderOrPlaceAreFoundOut) {
  MemoryFileSystem files;
  const Snapshot snapshot = store(files, 9, content(2 * kSnapshotChunkBytes), 1 << 20);
  Bytes& data = files.bytes_of(snapshot_data_name(snapshot.last()));
  std::swap_ranges(data.begin(), data.begin() + kSnapshotChunkBytes,
                   data.begin() + kSnapshotChunkBytes);
  auto reader = SnapshotReader::open(files, snapshot.last());
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(absl::IsDataLoss((*reader)->chunk(0).status()));
  EXPECT_TRUE(absl::IsDataLoss((*reader)->verify()));
  EXPECT_TRUE(absl::IsDataLoss(find_snapshots(files)->at(0).status));
}

TEST(SnapshotStore, AManifestOfAnotherSnapshotIsFoundOut) {
  MemoryFileSystem files;
  const Snapshot a = store(files, 9, content(50), 50);
  const Snapshot b = store(files, 10, content(50), 50);
  files.bytes_of(snapshot_manifest_name(b.last())) =
      files.bytes_of(snapshot_manifest_name(a.last()));
  EXPECT_TRUE(absl::IsDataLoss(SnapshotReader::open(files, b.last()).status()));
}

TEST(SnapshotStore, AnEmptyMachineHasASnapshotToo) {
  MemoryFileSystem files;
  const Snapshot snapshot = store(files, 1, {}, 1);
  auto reader = SnapshotReader::open(files, snapshot.last());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->chunks(), 0u);
  EXPECT_TRUE((*reader)->verify().ok());
}

TEST(Identity, IsReadBackAsItWasWrittenAndNoNameThatIsNoneIsWritten) {
  MemoryFileSystem files;
  EXPECT_TRUE(absl::IsNotFound(read_identity(files).status()));
  ASSERT_TRUE(write_identity(files, sample_identity()).ok());
  EXPECT_EQ(*read_identity(files), sample_identity());
  EXPECT_TRUE(absl::IsInvalidArgument(write_identity(files, {"", NodeId{1}, 1})));
  EXPECT_TRUE(absl::IsInvalidArgument(write_identity(files, {std::string(65, 'x'), NodeId{1}, 1})));
  EXPECT_TRUE(absl::IsInvalidArgument(write_identity(files, {"x", NodeId{65}, 1})));
}

}  // namespace
}  // namespace ringroad::raft::durable
