// Snapshots of the machine as files: data, and a manifest that says what the data has to be like.
//
// A snapshot is there when its manifest is: data and manifest are each written under a temporary
// name, flushed, renamed, and the folder flushed, the data first. Two are kept, so that damage to
// the latest costs no more than the entries in between (the log keeps those, see README.md).
//
// The content hash is a CRC32C for each MiB, which also tells where damage is, and a CRC64 of the
// whole, which tells pieces that are whole but not of this snapshot: what ISA-L computes at memory
// speed. It is against disks, not against forgers; who may write here may as well write the log.
//
// Owned by the thread that writes the log. Pieces are flushed every few MiB, so that no flush of
// the log waits for more than that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "consensus/core/message.h"
#include "consensus/log/file_system.h"
#include "consensus/log/layout.h"

namespace ringroad::raft::durable {

struct Manifest {
  Snapshot snapshot;
  std::uint64_t hash = 0;
  std::vector<std::uint32_t> chunk_crcs;
};

std::vector<std::byte> encode_manifest(const Manifest& manifest);
// kDataLoss for what is none, or not as it was written.
[[nodiscard]] absl::StatusOr<Manifest> decode_manifest(std::span<const std::byte> bytes);

std::string snapshot_data_name(EntryId id);
std::string snapshot_manifest_name(EntryId id);

class SnapshotWriter {
 public:
  static absl::StatusOr<std::unique_ptr<SnapshotWriter>> begin(FileSystem& files, EntryId id);
  // After kResourceExhausted, which takes nothing, it and finish() can be tried again.
  [[nodiscard]] absl::Status append(std::span<const std::byte> bytes);
  // The snapshot is durable, and only the latest two are left. kFailedPrecondition:
  // `snapshot` is another, or has another size.
  [[nodiscard]] absl::Status finish(const Snapshot& snapshot);
  std::uint64_t bytes() const { return bytes_; }

 private:
  SnapshotWriter(FileSystem& files, EntryId id) : files_(files), id_(id) {}

  FileSystem& files_;
  EntryId id_;
  std::unique_ptr<File> file_;
  Manifest manifest_;
  std::uint64_t bytes_ = 0;
  std::uint64_t unflushed_bytes_ = 0;
};

// Reads a snapshot chunk by chunk, each checked.
class SnapshotReader {
 public:
  // kNotFound without a manifest or data; kDataLoss when either is not what it was.
  static absl::StatusOr<std::unique_ptr<SnapshotReader>> open(FileSystem& files, EntryId id);
  const Snapshot& snapshot() const { return manifest_.snapshot; }
  std::size_t chunks() const { return manifest_.chunk_crcs.size(); }
  // Lives until the next call. kDataLoss names the place.
  [[nodiscard]] absl::StatusOr<std::span<const std::byte>> chunk(std::size_t number);
  // All of it, chunks and whole.
  [[nodiscard]] absl::Status verify();

 private:
  Manifest manifest_;
  std::string name_;
  std::unique_ptr<File> file_;
  std::vector<std::byte> buffer_;
};

struct FoundSnapshot {
  EntryId id;  // as its name has it
  Snapshot snapshot;
  absl::Status status;  // whether it is intact
};

// All that have a manifest, the latest first, each read to its end. Fails only if the folder cannot
// be listed.
[[nodiscard]] absl::StatusOr<std::vector<FoundSnapshot>> find_snapshots(FileSystem& files);

// Removes all but the latest two, and data without a manifest.
[[nodiscard]] absl::Status prune_snapshots(FileSystem& files);

}  // namespace ringroad::raft::durable
