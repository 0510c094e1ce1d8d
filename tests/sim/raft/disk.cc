// What of a file survives a crash: what was flushed, and of the rest whatever chance keeps, in
// whole, torn, or in the wrong place. A node owns its disk. Invariant: what was flushed changes
// only by what is written over it, or by damage that was asked for. When things happen is the
// storage's business.
#include "tests/sim/raft/disk.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad::raft::sim {

namespace {

constexpr std::uint64_t kSectorBytes = 64;  // smaller than a real one, as are the files

void put(Bytes& into, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (into.size() < offset + bytes.size()) into.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), into.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

DiskResult Disk::refuse(DiskResult result, Fault fault) {
  tally_.add(fault);
  return result;
}

DiskResult Disk::write(const std::string& name, std::uint64_t offset,
                       std::span<const std::byte> bytes) {
  if (faults.full) return refuse(DiskResult::kFull, Fault::kDiskFull);
  if (prng_.chance_ppm(faults.write_error_ppm)) {
    return refuse(DiskResult::kError, Fault::kWriteError);
  }
  auto found = seen_.find(name);
  if (found == seen_.end()) {
    inodes_.emplace_back();
    found = seen_.emplace(name, inodes_.size()).first;
    unflushed_.push_back(seen_);
  }
  Inode& file = inode(found->second);
  put(file.seen, offset, bytes);
  file.unflushed.push_back({offset, bytes.size()});
  return DiskResult::kOk;
}

DiskResult Disk::flush(const std::string& name) {
  const auto found = seen_.find(name);
  RR_CHECK(found != seen_.end());
  Inode& file = inode(found->second);
  if (prng_.chance_ppm(faults.flush_error_ppm)) {
    // What was to be written is no longer remembered as such: a second flush would succeed and mean
    // nothing.
    for (const Extent& extent : file.unflushed) settle(file, extent, true);
    file.unflushed.clear();
    return refuse(DiskResult::kError, Fault::kFlushError);
  }
  for (const Extent& extent : file.unflushed) keep(file, extent.offset, extent.offset, extent.size);
  file.unflushed.clear();
  return DiskResult::kOk;
}

DiskResult Disk::rename(const std::string& from, const std::string& to) {
  if (prng_.chance_ppm(faults.write_error_ppm)) {
    return refuse(DiskResult::kError, Fault::kRenameError);
  }
  const auto found = seen_.find(from);
  RR_CHECK(found != seen_.end());
  seen_[to] = found->second;
  seen_.erase(from);
  unflushed_.push_back(seen_);
  return DiskResult::kOk;
}

void Disk::remove(const std::string& name) {
  if (seen_.erase(name) > 0) unflushed_.push_back(seen_);
}

DiskResult Disk::flush_directory() {
  if (prng_.chance_ppm(faults.flush_error_ppm)) {
    return refuse(DiskResult::kError, Fault::kFlushError);
  }
  durable_ = seen_;
  unflushed_.clear();
  return DiskResult::kOk;
}

DiskResult Disk::read(const std::string& name, Bytes& out) {
  const auto found = seen_.find(name);
  if (found == seen_.end()) return DiskResult::kAbsent;
  if (prng_.chance_ppm(faults.read_error_ppm)) {
    return refuse(DiskResult::kError, Fault::kReadError);
  }
  out = inode(found->second).seen;
  if (!out.empty() && prng_.chance_ppm(faults.read_flip_ppm)) {
    out[prng_.below(out.size())] ^= std::byte{1} << prng_.below(8);
    tally_.add(Fault::kReadFlip);
  }
  return DiskResult::kOk;
}

// What `seen` has at `from` becomes durable at `to`.
void Disk::keep(Inode& file, std::uint64_t from, std::uint64_t to, std::uint64_t size) {
  put(file.durable, to, std::span(file.seen).subspan(from, size));
}

void Disk::settle(Inode& file, const Extent& extent, bool torn) {
  const std::uint64_t fate = prng_.below(4);
  if (fate == 0) {
    tally_.add(Fault::kWriteLost);
    return;
  }
  if (!torn || fate == 1) {
    keep(file, extent.offset, extent.offset, extent.size);
    return;
  }
  tally_.add(Fault::kWriteTorn);
  if (fate == 2) {  // up to somewhere
    keep(file, extent.offset, extent.offset, prng_.below(extent.size + 1));
    return;
  }
  for (std::uint64_t at = 0; at < extent.size; at += kSectorBytes) {
    if (prng_.below(2) == 0) continue;
    keep(file, extent.offset + at, extent.offset + at, std::min(kSectorBytes, extent.size - at));
  }
}

// Takes one of the file's unflushed writes to another place.
bool Disk::misdirect(const CrashFaults& crash) {
  const auto found = durable_.find(crash.misdirect_in);
  if (found == durable_.end() || crash.misdirect_below < kSectorBytes) return false;
  Inode& file = inode(found->second);
  if (file.unflushed.empty()) return false;
  const auto astray =
      file.unflushed.begin() + static_cast<std::ptrdiff_t>(prng_.below(file.unflushed.size()));
  const std::uint64_t to = prng_.below(crash.misdirect_below / kSectorBytes) * kSectorBytes;
  keep(file, astray->offset, to, std::min(astray->size, crash.misdirect_below - to));
  file.unflushed.erase(astray);
  tally_.add(Fault::kWriteMisdirected);
  return true;
}

bool Disk::lose_power(const CrashFaults& crash) {
  const std::uint64_t survives = prng_.below(unflushed_.size() + 1);
  tally_.add(Fault::kRenameLost, unflushed_.size() - survives);
  if (survives > 0) durable_ = unflushed_[survives - 1];
  unflushed_.clear();
  seen_ = durable_;
  const bool is_astray = misdirect(crash);
  for (Inode& file : inodes_) {
    for (const Extent& extent : file.unflushed) settle(file, extent, crash.torn);
    file.unflushed.clear();
    file.seen = file.durable;
  }
  // The memory of files that no name leads to.
  for (std::uint64_t number = 1; number <= inodes_.size(); ++number) {
    const bool is_named = std::ranges::any_of(
        durable_, [number](const auto& entry) { return entry.second == number; });
    if (!is_named) inode(number) = {};
  }
  return is_astray;
}

bool Disk::rot(const std::string& name, std::uint64_t offset) {
  const auto found = durable_.find(name);
  if (found == durable_.end()) return false;
  Inode& file = inode(found->second);
  if (offset >= file.durable.size()) return false;
  const std::byte bit = std::byte{1} << prng_.below(8);
  file.durable[offset] ^= bit;
  if (offset < file.seen.size()) file.seen[offset] ^= bit;
  return true;
}

Disk::Durable Disk::durable(const std::string& name) const {
  const auto found = durable_.find(name);
  if (found == durable_.end()) return {};
  return {found->second, inodes_[found->second - 1].durable};
}

}  // namespace ringroad::raft::sim
