#include "dataplane/host/shared_segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010  // Linux 5.1
#endif

namespace ringroad::host {

absl::StatusOr<SharedSegment> SharedSegment::create(const char* name, std::uint64_t bytes) {
  SharedSegment segment;
  segment.descriptor_ = Descriptor{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!segment.descriptor_.valid()) return absl::ErrnoToStatus(errno, "memfd_create");
  if (::ftruncate(segment.descriptor(), static_cast<off_t>(bytes)) != 0) {
    return absl::ErrnoToStatus(errno, "sizing a shared segment");
  }
  if (::fcntl(segment.descriptor(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return absl::ErrnoToStatus(errno, "sealing the size of a shared segment");
  }
  segment.bytes_ = bytes;
  return segment;
}

SharedSegment SharedSegment::adopt(Descriptor descriptor, std::uint64_t bytes) {
  SharedSegment segment;
  segment.descriptor_ = std::move(descriptor);
  segment.bytes_ = bytes;
  return segment;
}

SharedSegment::SharedSegment(SharedSegment&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

SharedSegment& SharedSegment::operator=(SharedSegment&& other) noexcept {
  if (this != &other) {
    unmap();
    descriptor_ = std::move(other.descriptor_);
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

SharedSegment::~SharedSegment() { unmap(); }

void SharedSegment::unmap() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
  data_ = nullptr;
}

absl::Status SharedSegment::map() {
  void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor(), 0);
  if (at == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping a shared segment");
  data_ = static_cast<std::byte*>(at);
  return absl::OkStatus();
}

absl::Status SharedSegment::close_to_writers() {
  if (::fcntl(descriptor(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
    return absl::ErrnoToStatus(errno, "sealing a shared segment");
  }
  return absl::OkStatus();
}

absl::Status SharedSegment::close_to_seals() {
  if (::fcntl(descriptor(), F_ADD_SEALS, F_SEAL_SEAL) != 0) {
    return absl::ErrnoToStatus(errno, "sealing a shared segment");
  }
  return absl::OkStatus();
}

absl::Status SharedSegment::populate() {
  while (::madvise(data_, bytes_, MADV_POPULATE_WRITE) != 0) {
    if (errno != EINTR && errno != EAGAIN) {
      return absl::ErrnoToStatus(errno, "populating a shared segment");
    }
  }
  return absl::OkStatus();
}

}  // namespace ringroad::host
