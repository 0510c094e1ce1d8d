// One folder of a disk, as the log needs it: few operations, each with the promise that power loss
// tests hold it to. The log never asks the operating system for anything but through here, so that
// the same code runs on a real disk (posix_file_system.h), on one that records what it was told
// (tests), and on the simulator's.
//
// What is promised, and no more:
// - a write is there for reads at once, and survives a loss of power only when a flush() that began
//   after it has succeeded; until then any of its 512-byte sectors may have reached the disk, in
//   any order;
// - a flush() of a file also makes its size durable, not its name;
// - a new name, a rename and a removal are durable when a later flush_folder() has succeeded; a
//   rename replaces its target and is never seen in part.
// A flush that failed has lost what it was to write, whatever a second one says (the page cache
// forgets): callers never try again.
//
// Errors: kNotFound, no such file; kResourceExhausted, no room; kDataLoss, the disk could not read
// or write; anything else is the operating system's word. Owned by the thread that writes the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ringroad::raft::durable {

class File {
 public:
  virtual ~File() = default;
  // All of it, or an error. The file grows as needed.
  [[nodiscard]] virtual absl::Status write(std::uint64_t offset,
                                           std::span<const std::byte> bytes) = 0;
  // How many bytes were read: fewer than asked for only where the file ends.
  [[nodiscard]] virtual absl::StatusOr<std::size_t> read(std::uint64_t offset,
                                                         std::span<std::byte> to) = 0;
  [[nodiscard]] virtual absl::Status flush() = 0;
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> size() = 0;
};

enum class OpenMode : std::uint8_t {
  kRead,
  kWrite,   // of a file that is there
  kCreate,  // an empty one, in place of what had the name
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Names are names within the folder, without a slash.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<File>> open(const std::string& name,
                                                                   OpenMode mode) = 0;
  [[nodiscard]] virtual absl::Status rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual absl::Status remove(const std::string& name) = 0;
  [[nodiscard]] virtual absl::Status flush_folder() = 0;
  // All files, by name.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::string>> list() = 0;
  [[nodiscard]] virtual absl::StatusOr<std::uint64_t> free_bytes() = 0;
};

// The whole of a small file; kOutOfRange when it is larger than `bytes_max`.
[[nodiscard]] absl::StatusOr<std::vector<std::byte>> read_whole(FileSystem& files,
                                                                const std::string& name,
                                                                std::uint64_t bytes_max);
// Replaces `name` by way of `name`.part: written, flushed, renamed, the folder flushed.
[[nodiscard]] absl::Status replace_file(FileSystem& files, const std::string& name,
                                        std::span<const std::byte> bytes);

}  // namespace ringroad::raft::durable
