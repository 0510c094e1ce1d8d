#include "consensus/log/snapshot_store.h"

#include <isa-l/crc64.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "consensus/log/record.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::durable {

namespace {

constexpr char kDataSuffix[] = ".data";
constexpr char kManifestSuffix[] = ".manifest";
constexpr std::uint64_t kFlushBytes = 4 * 1024 * 1024;
constexpr std::size_t kSnapshotsKept = 2;

constexpr std::uint64_t chunks_of(std::uint64_t size_bytes) {
  return (size_bytes + kSnapshotChunkBytes - 1) / kSnapshotChunkBytes;
}

constexpr std::uint64_t manifest_bytes(std::uint64_t size_bytes) {
  return manifest::kChunks + 4 * chunks_of(size_bytes);
}

std::uint64_t hash_extend(std::uint64_t hash, std::span<const std::byte> bytes) {
  return crc64_ecma_refl(hash, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string name_of(EntryId id, const char* suffix) {
  return absl::StrFormat("%s%016x-%016x%s", kSnapshotPrefix, id.index.value, id.term.value, suffix);
}

// Of a name that ends so; empty for any other.
std::optional<EntryId> id_of(const std::string& name, const char* suffix) {
  constexpr std::size_t kPrefixBytes = sizeof kSnapshotPrefix - 1;
  if (name.size() < kPrefixBytes + 33) return std::nullopt;
  EntryId id;
  const char* index = name.data() + kPrefixBytes;
  std::from_chars(index, index + 16, id.index.value, 16);
  std::from_chars(index + 17, index + 33, id.term.value, 16);
  if (name_of(id, suffix) != name) return std::nullopt;
  return id;
}

bool later(EntryId a, EntryId b) {
  return a.index != b.index ? a.index > b.index : a.term > b.term;
}

absl::Status damaged(const std::string& name, std::string_view how) {
  return absl::DataLossError(absl::StrCat(name, " ", std::string{how}));
}

}  // namespace

std::string snapshot_data_name(EntryId id) { return name_of(id, kDataSuffix); }
std::string snapshot_manifest_name(EntryId id) { return name_of(id, kManifestSuffix); }

std::vector<std::byte> encode_manifest(const Manifest& m) {
  std::vector<std::byte> bytes(manifest::kChunks + 4 * m.chunk_crcs.size());
  store_le(bytes.data() + manifest::kMagic, manifest::kMagicValue);
  store_le(bytes.data() + manifest::kVersion, std::uint32_t{kLayoutVersion});
  store_le(bytes.data() + manifest::kChunkBytes, kSnapshotChunkBytes);
  encode_snapshot(m.snapshot, bytes.data() + manifest::kSnapshot);
  store_le(bytes.data() + manifest::kHash, m.hash);
  std::byte* at = bytes.data() + manifest::kChunks;
  for (const std::uint32_t crc : m.chunk_crcs) {
    store_le(at, crc);
    at += 4;
  }
  store_le(bytes.data() + manifest::kCrc, crc32c(std::span(bytes).subspan(4)));
  return bytes;
}

absl::StatusOr<Manifest> decode_manifest(std::span<const std::byte> bytes) {
  if (bytes.size() < manifest::kChunks) return absl::DataLossError("is too short");
  if (crc32c(bytes.subspan(4)) != load_le<std::uint32_t>(bytes.data() + manifest::kCrc)) {
    return absl::DataLossError("does not match its checksum");
  }
  if (load_le<std::uint32_t>(bytes.data() + manifest::kMagic) != manifest::kMagicValue ||
      load_le<std::uint32_t>(bytes.data() + manifest::kVersion) != kLayoutVersion ||
      load_le<std::uint32_t>(bytes.data() + manifest::kChunkBytes) != kSnapshotChunkBytes) {
    return absl::DataLossError("is of no version known here");
  }
  Manifest m;
  m.snapshot = decode_snapshot(bytes.data() + manifest::kSnapshot);
  if (m.snapshot.size_bytes > kSnapshotBytesMax || m.snapshot.empty() ||
      m.snapshot.index.value > kIndexMax || bytes.size() != manifest_bytes(m.snapshot.size_bytes)) {
    return absl::DataLossError("says what no snapshot can be");
  }
  m.hash = load_le<std::uint64_t>(bytes.data() + manifest::kHash);
  m.chunk_crcs.resize(chunks_of(m.snapshot.size_bytes));
  const std::byte* at = bytes.data() + manifest::kChunks;
  for (std::uint32_t& crc : m.chunk_crcs) {
    crc = load_le<std::uint32_t>(at);
    at += 4;
  }
  return m;
}

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotWriter::begin(FileSystem& files,
                                                                      EntryId id) {
  if (id.index.value == 0 || id.index.value > kIndexMax) {
    return absl::InvalidArgumentError(absl::StrCat("no snapshot has the index ", id.index.value));
  }
  std::unique_ptr<SnapshotWriter> writer(new SnapshotWriter(files, id));
  auto file = files.open(snapshot_data_name(id) + kPartSuffix, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  writer->file_ = std::move(*file);
  return writer;
}

absl::Status SnapshotWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > kSnapshotBytesMax - bytes_) {
    return absl::InvalidArgumentError("a snapshot has at most 64 GiB");
  }
  if (absl::Status status = file_->write(bytes_, bytes); !status.ok()) return status;
  manifest_.hash = hash_extend(manifest_.hash, bytes);
  for (auto rest = bytes; !rest.empty();) {
    const std::uint64_t in_chunk = bytes_ % kSnapshotChunkBytes;
    if (in_chunk == 0) manifest_.chunk_crcs.push_back(0);
    const auto part =
        rest.first(std::min<std::uint64_t>(rest.size(), kSnapshotChunkBytes - in_chunk));
    manifest_.chunk_crcs.back() = crc32c_extend(manifest_.chunk_crcs.back(), part);
    bytes_ += part.size();
    rest = rest.subspan(part.size());
  }
  unflushed_bytes_ += bytes.size();
  if (unflushed_bytes_ < kFlushBytes) return absl::OkStatus();
  unflushed_bytes_ = 0;
  return file_->flush();
}

absl::Status SnapshotWriter::finish(const Snapshot& snapshot) {
  if (snapshot.last() != id_ || bytes_ != snapshot.size_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("there are ", bytes_, " bytes of the snapshot at ", id_.index.value,
                     ", asked for are ", snapshot.size_bytes, " of ", snapshot.index.value));
  }
  manifest_.snapshot = snapshot;
  if (file_ != nullptr) {
    if (absl::Status status = file_->flush(); !status.ok()) return status;
    const std::string name = snapshot_data_name(id_);
    if (absl::Status status = files_.rename(name + kPartSuffix, name); !status.ok()) return status;
    file_.reset();
  }
  if (absl::Status status = files_.flush_folder(); !status.ok()) return status;
  absl::Status status =
      replace_file(files_, snapshot_manifest_name(id_), encode_manifest(manifest_));
  return status.ok() ? prune_snapshots(files_) : status;
}

absl::StatusOr<std::unique_ptr<SnapshotReader>> SnapshotReader::open(FileSystem& files,
                                                                     EntryId id) {
  const std::string name = snapshot_manifest_name(id);
  const auto bytes = read_whole(files, name, manifest_bytes(kSnapshotBytesMax));
  if (absl::IsOutOfRange(bytes.status())) return damaged(name, "is too long");
  if (!bytes.ok()) return bytes.status();
  auto manifest = decode_manifest(*bytes);
  if (!manifest.ok()) return damaged(name, std::string{manifest.status().message()});
  if (manifest->snapshot.last() != id) return damaged(name, "speaks of another snapshot");
  std::unique_ptr<SnapshotReader> reader(new SnapshotReader);
  reader->manifest_ = std::move(*manifest);
  reader->name_ = snapshot_data_name(id);
  auto file = files.open(reader->name_, OpenMode::kRead);
  if (!file.ok()) return file.status();
  reader->file_ = std::move(*file);
  const auto size = reader->file_->size();
  if (!size.ok()) return size.status();
  if (*size != reader->snapshot().size_bytes) return damaged(reader->name_, "has another size");
  return reader;
}

absl::StatusOr<std::span<const std::byte>> SnapshotReader::chunk(std::size_t number) {
  RR_CHECK(number < chunks());
  const std::uint64_t offset = std::uint64_t{number} * kSnapshotChunkBytes;
  buffer_.resize(std::min<std::uint64_t>(kSnapshotChunkBytes, snapshot().size_bytes - offset));
  const auto count = file_->read(offset, buffer_);
  if (!count.ok()) return count.status();
  if (*count != buffer_.size() || crc32c(buffer_) != manifest_.chunk_crcs[number]) {
    return damaged(name_, absl::StrCat("is damaged in the MiB at ", offset));
  }
  return buffer_;
}

absl::Status SnapshotReader::verify() {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < chunks(); ++i) {
    const auto bytes = chunk(i);
    if (!bytes.ok()) return bytes.status();
    hash = hash_extend(hash, *bytes);
  }
  return hash == manifest_.hash ? absl::OkStatus() : damaged(name_, "does not match its hash");
}

absl::StatusOr<std::vector<FoundSnapshot>> find_snapshots(FileSystem& files) {
  const auto names = files.list();
  if (!names.ok()) return names.status();
  std::vector<FoundSnapshot> found;
  for (const std::string& name : *names) {
    const auto id = id_of(name, kManifestSuffix);
    if (!id) continue;
    const auto reader = SnapshotReader::open(files, *id);
    FoundSnapshot snapshot{*id, {}, reader.status()};
    if (reader.ok()) {
      snapshot.snapshot = (*reader)->snapshot();
      snapshot.status = (*reader)->verify();
    }
    found.push_back(std::move(snapshot));
  }
  std::ranges::sort(found, [](const auto& a, const auto& b) { return later(a.id, b.id); });
  return found;
}

absl::Status prune_snapshots(FileSystem& files) {
  const auto names = files.list();
  if (!names.ok()) return names.status();
  std::vector<EntryId> kept;
  for (const std::string& name : *names) {
    if (const auto id = id_of(name, kManifestSuffix)) kept.push_back(*id);
  }
  std::ranges::sort(kept, later);
  bool any = false;
  for (std::size_t i = kSnapshotsKept; i < kept.size(); ++i) {
    if (auto status = files.remove(snapshot_manifest_name(kept[i])); !status.ok()) return status;
    any = true;
  }
  // No manifest may outlive its data.
  if (any) {
    if (auto status = files.flush_folder(); !status.ok()) return status;
  }
  kept.resize(std::min(kept.size(), kSnapshotsKept));
  for (const std::string& name : *names) {
    const auto id = id_of(name, kDataSuffix);
    if (!id || std::ranges::find(kept, *id) != kept.end()) continue;
    if (auto status = files.remove(name); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace ringroad::raft::durable
