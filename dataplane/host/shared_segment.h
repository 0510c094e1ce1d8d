// A sealed memfd and its mapping in this process.
//
// The dataplane creates it (it can neither shrink nor grow from then on, so no access beyond its
// end can be provoked), maps it, and hands the descriptor out. After the application has mapped it,
// close_to_writers() forbids new writable mappings, write() and hole punching; populate() then puts
// a page behind every address, reporting want of memory as an error instead of a SIGBUS later.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/host/descriptor.h"

namespace ringroad::host {

class SharedSegment {
 public:
  // A memfd of `bytes`, sealed against shrinking and growing; not mapped.
  static absl::StatusOr<SharedSegment> create(const char* name, std::uint64_t bytes);

  // One that was received; not mapped.
  static SharedSegment adopt(Descriptor descriptor, std::uint64_t bytes);

  SharedSegment() = default;
  SharedSegment(SharedSegment&& other) noexcept;
  SharedSegment& operator=(SharedSegment&& other) noexcept;
  ~SharedSegment();

  absl::Status map();
  absl::Status close_to_writers();
  absl::Status populate();
  // No seal may be added any more: for segments the dataplane does not map.
  absl::Status close_to_seals();

  std::byte* data() const { return data_; }
  std::uint64_t bytes() const { return bytes_; }
  int descriptor() const { return descriptor_.get(); }

 private:
  void unmap();

  Descriptor descriptor_;
  std::byte* data_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace ringroad::host
