// A folder in memory that records what it was told, and can say what a disk would hold after a loss
// of power at any point of that record: what was flushed, and of the rest whatever the promise of
// file_system.h allows.
//
// Deterministic: chance comes from the generator given.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "consensus/log/file_system.h"
#include "dataplane/base/prng.h"

namespace ringroad::raft::durable {

using Bytes = std::vector<std::byte>;
// A folder's files.
using Image = std::map<std::string, Bytes>;

struct Operation {
  enum class Kind : std::uint8_t { kCreate, kWrite, kFlush, kRename, kRemove, kFlushFolder };
  Kind kind = Kind::kFlushFolder;
  std::uint64_t inode = 0;
  std::string name;
  std::string to;
  std::uint64_t offset = 0;
  Bytes bytes;
};

enum class Unflushed : std::uint8_t {
  kAll,      // a process was killed, nothing more
  kNothing,  // all of it is lost
  kSome,     // any sector, any number of changes of names
};

// What is there after the first `count` operations and a loss of power.
Image after_crash(const Image& before, std::span<const Operation> operations, std::size_t count,
                  Unflushed unflushed, Prng& prng);
// Does on a real folder what the operations say, one after another.
class Replay {
 public:
  explicit Replay(FileSystem& files) : files_(files) {}
  void perform(const Operation& operation);

 private:
  FileSystem& files_;
  std::map<std::uint64_t, std::unique_ptr<File>> open_;
};

class MemoryFileSystem : public FileSystem {
 public:
  MemoryFileSystem() = default;
  explicit MemoryFileSystem(const Image& image);

  std::vector<Operation> operations;
  // Faults.
  bool writes_fail = false;
  bool flushes_fail = false;
  std::uint64_t room_bytes = std::uint64_t{1} << 40;
  std::map<std::string, std::set<std::uint64_t>> unreadable;  // bytes, by file

  Image image() const;
  Bytes& bytes_of(const std::string& name) { return *inodes_[names_.at(name)]; }
  bool has(const std::string& name) const { return names_.contains(name); }

  absl::StatusOr<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) override;
  absl::Status rename(const std::string& from, const std::string& to) override;
  absl::Status remove(const std::string& name) override;
  absl::Status flush_folder() override;
  absl::StatusOr<std::vector<std::string>> list() override;
  absl::StatusOr<std::uint64_t> free_bytes() override;

 private:
  friend class MemoryFile;
  std::uint64_t used_bytes() const;

  std::map<std::string, std::uint64_t> names_;
  std::vector<std::shared_ptr<Bytes>> inodes_;
};

}  // namespace ringroad::raft::durable
