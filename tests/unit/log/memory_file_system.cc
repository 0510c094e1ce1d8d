#include "tests/unit/log/memory_file_system.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad::raft::durable {

namespace {

constexpr std::uint64_t kSectorBytes = 512;

void put(Bytes& into, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (into.size() < offset + bytes.size()) into.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), into.begin() + static_cast<std::ptrdiff_t>(offset));
}

// Sectors of an unflushed write that reach the disk, each or not.
void put_some(Bytes& into, const Operation& write, Prng& prng) {
  const std::uint64_t fate = prng.below(4);
  if (fate == 0) return;
  const std::uint64_t end = write.offset + write.bytes.size();
  const std::uint64_t until = fate == 1 ? write.offset + prng.below(write.bytes.size() + 1) : end;
  for (std::uint64_t at = write.offset; at < end;) {
    const std::uint64_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
    const bool is_kept = fate == 2 ? prng.below(2) == 0 : fate == 3 || next <= until;
    if (is_kept) put(into, at, std::span(write.bytes).subspan(at - write.offset, next - at));
    at = next;
  }
}

}  // namespace

Image after_crash(const Image& before, std::span<const Operation> operations, std::size_t count,
                  Unflushed unflushed, Prng& prng) {
  using Names = std::map<std::string, std::uint64_t>;
  using Kind = Operation::Kind;
  std::map<std::uint64_t, Bytes> durable;
  std::map<std::uint64_t, std::vector<const Operation*>> pending;
  Names names;
  for (const auto& [name, bytes] : before) {
    const std::uint64_t inode = names.size();
    names[name] = inode;
    durable[inode] = bytes;
  }
  std::vector<Names> versions{names};  // the first is durable
  for (const Operation& o : operations.first(count)) {
    switch (o.kind) {
      case Kind::kWrite:
        pending[o.inode].push_back(&o);
        break;
      case Kind::kFlush:
        for (const Operation* write : pending[o.inode]) {
          put(durable[o.inode], write->offset, write->bytes);
        }
        pending[o.inode].clear();
        break;
      case Kind::kCreate:
        names[o.name] = o.inode;
        versions.push_back(names);
        break;
      case Kind::kRename:
        names[o.to] = names.at(o.name);
        names.erase(o.name);
        versions.push_back(names);
        break;
      case Kind::kRemove:
        names.erase(o.name);
        versions.push_back(names);
        break;
      case Kind::kFlushFolder:
        versions.assign(1, names);
        break;
    }
  }
  if (unflushed == Unflushed::kAll) versions.assign(1, names);
  const std::size_t version =
      unflushed == Unflushed::kSome ? prng.below(versions.size()) : std::size_t{0};
  for (const auto& [inode, writes] : pending) {
    for (const Operation* write : writes) {
      if (unflushed == Unflushed::kAll) put(durable[inode], write->offset, write->bytes);
      if (unflushed == Unflushed::kSome) put_some(durable[inode], *write, prng);
    }
  }
  Image image;
  for (const auto& [name, inode] : versions[version]) image[name] = durable[inode];
  return image;
}

void Replay::perform(const Operation& o) {
  using Kind = Operation::Kind;
  switch (o.kind) {
    case Kind::kCreate:
      open_[o.inode] = *files_.open(o.name, OpenMode::kCreate);
      break;
    case Kind::kWrite:
      RR_CHECK(open_.at(o.inode)->write(o.offset, o.bytes).ok());
      break;
    case Kind::kFlush:
      RR_CHECK(open_.at(o.inode)->flush().ok());
      break;
    case Kind::kRename:
      RR_CHECK(files_.rename(o.name, o.to).ok());
      break;
    case Kind::kRemove:
      RR_CHECK(files_.remove(o.name).ok());
      break;
    case Kind::kFlushFolder:
      RR_CHECK(files_.flush_folder().ok());
      break;
  }
}

class MemoryFile : public File {
 public:
  MemoryFile(MemoryFileSystem& files, std::string name, std::uint64_t inode)
      : files_(files), name_(std::move(name)), inode_(inode), bytes_(files.inodes_[inode]) {}

  absl::Status write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    if (files_.writes_fail) return absl::DataLossError("write " + name_);
    const std::uint64_t end = offset + bytes.size();
    const std::uint64_t grows = end > bytes_->size() ? end - bytes_->size() : 0;
    if (files_.used_bytes() + grows > files_.room_bytes) {
      return absl::ResourceExhaustedError("write " + name_);
    }
    put(*bytes_, offset, bytes);
    files_.operations.push_back({.kind = Operation::Kind::kWrite,
                                 .inode = inode_,
                                 .name = name_,
                                 .offset = offset,
                                 .bytes = Bytes(bytes.begin(), bytes.end())});
    return absl::OkStatus();
  }
  absl::StatusOr<std::size_t> read(std::uint64_t offset, std::span<std::byte> to) override {
    const auto& bad = files_.unreadable[name_];
    const auto first = bad.lower_bound(offset);
    if (first != bad.end() && *first < offset + to.size()) {
      return absl::DataLossError("read " + name_);
    }
    if (offset >= bytes_->size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(to.size(), bytes_->size() - offset);
    std::copy_n(bytes_->begin() + static_cast<std::ptrdiff_t>(offset), count, to.begin());
    return count;
  }
  absl::Status flush() override {
    if (files_.flushes_fail) return absl::DataLossError("flush " + name_);
    files_.operations.push_back({.kind = Operation::Kind::kFlush, .inode = inode_, .name = name_});
    return absl::OkStatus();
  }
  absl::StatusOr<std::uint64_t> size() override { return bytes_->size(); }

 private:
  MemoryFileSystem& files_;
  std::string name_;
  std::uint64_t inode_;
  std::shared_ptr<Bytes> bytes_;
};

MemoryFileSystem::MemoryFileSystem(const Image& image) {
  for (const auto& [name, bytes] : image) {
    names_[name] = inodes_.size();
    inodes_.push_back(std::make_shared<Bytes>(bytes));
  }
}

Image MemoryFileSystem::image() const {
  Image image;
  for (const auto& [name, inode] : names_) image[name] = *inodes_[inode];
  return image;
}

std::uint64_t MemoryFileSystem::used_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, inode] : names_) sum += inodes_[inode]->size();
  return sum;
}

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& name,
                                                             OpenMode mode) {
  if (mode == OpenMode::kCreate) {
    if (writes_fail) return absl::DataLossError("create " + name);
    names_[name] = inodes_.size();
    operations.push_back({.kind = Operation::Kind::kCreate, .inode = inodes_.size(), .name = name});
    inodes_.push_back(std::make_shared<Bytes>());
  }
  const auto found = names_.find(name);
  if (found == names_.end()) return absl::NotFoundError(name);
  return std::unique_ptr<File>(new MemoryFile(*this, name, found->second));
}

absl::Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  if (writes_fail) return absl::DataLossError("rename " + from);
  const auto found = names_.find(from);
  if (found == names_.end()) return absl::NotFoundError(from);
  const std::uint64_t inode = found->second;
  names_.erase(found);
  names_[to] = inode;
  operations.push_back({.kind = Operation::Kind::kRename, .name = from, .to = to});
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::remove(const std::string& name) {
  if (names_.erase(name) == 0) return absl::NotFoundError(name);
  operations.push_back({.kind = Operation::Kind::kRemove, .name = name});
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::flush_folder() {
  if (flushes_fail) return absl::DataLossError("flush folder");
  operations.push_back({.kind = Operation::Kind::kFlushFolder});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::list() {
  std::vector<std::string> names;
  for (const auto& [name, inode] : names_) names.push_back(name);
  return names;
}

absl::StatusOr<std::uint64_t> MemoryFileSystem::free_bytes() {
  return room_bytes - std::min(room_bytes, used_bytes());
}

}  // namespace ringroad::raft::durable
