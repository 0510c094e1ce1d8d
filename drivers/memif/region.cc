#include "drivers/memif/region.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ringroad::memif {
namespace {

// Faulting pages in at connection keeps the first packets fast. A larger region may be sparse, and
// populating it would let a peer make us allocate memory for it.
constexpr std::uint64_t kPopulateBytesMax = std::uint64_t{256} << 20;

absl::Status failed(absl::string_view what, std::uint64_t bytes) {
  return absl::ResourceExhaustedError(absl::StrCat("memif region of ", bytes, " bytes: ", what,
                                                   ": ", std::strerror(errno),
                                                   "; choose fewer slots or smaller buffers"));
}

}  // namespace

absl::StatusOr<Region> Region::create(std::uint64_t bytes) {
  FileDescriptor fd(::memfd_create("ringroad-memif", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failed("memfd_create", bytes);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return failed("ftruncate", bytes);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return failed("sealing", bytes);
  }
  return map_sealed(std::move(fd), bytes);
}

absl::StatusOr<Region> Region::map(FileDescriptor fd, std::uint64_t bytes) {
  if (bytes == 0 || bytes > kRegionBytesMax) {
    return absl::InvalidArgumentError("region size out of range");
  }
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return absl::InvalidArgumentError("region is not sealed against shrinking");
  }
  struct stat info{};
  struct statfs filesystem{};
  if (::fstat(fd.get(), &info) != 0 || ::fstatfs(fd.get(), &filesystem) != 0 ||
      filesystem.f_type == HUGETLBFS_MAGIC) {
    return absl::InvalidArgumentError("region is a hugetlb file");
  }
  if (static_cast<std::uint64_t>(info.st_size) < bytes) {
    return absl::InvalidArgumentError("region is smaller than announced");
  }
  return map_sealed(std::move(fd), bytes);
}

absl::StatusOr<Region> Region::map_sealed(FileDescriptor fd, std::uint64_t bytes) {
  const int populate = bytes <= kPopulateBytesMax ? MAP_POPULATE : 0;
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | populate, fd.get(), 0);
  if (base == MAP_FAILED) return failed("mmap", bytes);
  return Region(std::move(fd), static_cast<std::byte*>(base), bytes);
}

Region::Region(Region&& other) noexcept
    : fd_(std::move(other.fd_)),
      base_(std::exchange(other.base_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Region::~Region() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace ringroad::memif
