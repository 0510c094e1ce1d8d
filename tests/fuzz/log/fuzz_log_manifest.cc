// Fuzzes a snapshot's manifest, and an identity: bytes that decode encode to themselves, and
// nothing is allocated for what a manifest merely promises. With the first byte's lowest bit set
// the checksum is made right, so that what stands behind it is reached.
#include <cstdlib>
#include <vector>

#include "consensus/log/identity.h"
#include "consensus/log/snapshot_store.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/kernels/crc32c.h"
#include "tests/unit/log/memory_file_system.h"

namespace {

using namespace ringroad::raft::durable;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_as_identity(const Bytes& bytes) {
  MemoryFileSystem files;
  require((*files.open(kIdentityName, OpenMode::kCreate))->write(0, bytes).ok());
  const auto identity = read_identity(files);
  if (!identity.ok() || !write_identity(files, *identity).ok()) return;
  require(*read_identity(files) == *identity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 5) return 0;
  const auto all = std::as_bytes(std::span(data, size)).subspan(1);
  Bytes bytes(all.begin(), all.end());
  if ((data[0] & 1) != 0) {
    ringroad::store_le(bytes.data(),
                       ringroad::crc32c(std::span<const std::byte>(bytes).subspan(4)));
  }
  read_as_identity(bytes);
  const auto manifest = decode_manifest(bytes);
  if (!manifest.ok()) return 0;
  require(manifest->chunk_crcs.size() * 4 <= bytes.size());
  const auto again = encode_manifest(*manifest);
  const auto back = decode_manifest(again);
  require(back.ok() && back->snapshot.index == manifest->snapshot.index &&
          back->snapshot.conf == manifest->snapshot.conf && back->hash == manifest->hash &&
          back->chunk_crcs == manifest->chunk_crcs);
  return 0;
}
