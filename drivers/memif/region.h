// Shared memory of one memif connection: made and sealed by the slave, mapped by the master only
// when it can neither shrink under us nor be a hugetlb file.
//
// Why: a mapping of a file that the peer may truncate faults with SIGBUS when touched, and so does
// a hugetlb page that was punched out when no huge page is left. A page punched out of an ordinary
// memfd merely reads as zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "drivers/memif/socket.h"

namespace ringroad::memif {

class Region {
 public:
  // The slave's: zeros, sealed against shrinking and growing, its pages already there.
  static absl::StatusOr<Region> create(std::uint64_t bytes);
  // The master's: maps what the peer sent and announced as `bytes`, or says what is wrong with it.
  static absl::StatusOr<Region> map(FileDescriptor fd, std::uint64_t bytes);

  Region(Region&& other) noexcept;
  Region& operator=(Region&&) = delete;
  ~Region();

  std::byte* base() const { return base_; }
  std::uint64_t size() const { return size_; }
  int fd() const { return fd_.get(); }

 private:
  Region(FileDescriptor fd, std::byte* base, std::uint64_t size)
      : fd_(std::move(fd)), base_(base), size_(size) {}
  static absl::StatusOr<Region> map_sealed(FileDescriptor fd, std::uint64_t bytes);

  FileDescriptor fd_;
  std::byte* base_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace ringroad::memif
