#include "consensus/log/identity.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "consensus/core/node_set.h"
#include "consensus/log/layout.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::durable {

namespace {

using namespace identity;

absl::Status damaged(const char* how) {
  return absl::DataLossError(absl::StrCat(kIdentityName, " ", how));
}

}  // namespace

absl::StatusOr<Identity> read_identity(FileSystem& files) {
  const auto read = read_whole(files, kIdentityName, identity::kBytes);
  if (absl::IsOutOfRange(read.status())) return damaged("is too long");
  if (!read.ok()) return read.status();
  const std::vector<std::byte>& bytes = *read;
  if (bytes.size() != identity::kBytes) return damaged("is too short");
  if (crc32c(std::span(bytes).subspan(4)) != load_le<std::uint32_t>(bytes.data() + kCrc)) {
    return damaged("does not match its checksum");
  }
  const auto cluster_bytes = load_le<std::uint16_t>(bytes.data() + kClusterBytes);
  if (load_le<std::uint32_t>(bytes.data() + kMagic) != kMagicValue ||
      load_le<std::uint32_t>(bytes.data() + kVersion) != kLayoutVersion ||
      cluster_bytes > kClusterBytesMax) {
    return damaged("is of no version known here");
  }
  Identity identity;
  identity.cluster.assign(reinterpret_cast<const char*>(bytes.data()) + kCluster, cluster_bytes);
  identity.node = NodeId{load_le<std::uint16_t>(bytes.data() + kNode)};
  identity.incarnation = load_le<std::uint64_t>(bytes.data() + kIncarnation);
  return identity;
}

absl::Status write_identity(FileSystem& files, const Identity& identity) {
  if (identity.cluster.empty() || identity.cluster.size() > kClusterBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("a cluster's name has 1 to ", kClusterBytesMax,
                                                   " bytes, not ", identity.cluster.size()));
  }
  if (!is_node(identity.node)) {
    return absl::InvalidArgumentError(absl::StrCat(identity.node.value, " is no node"));
  }
  std::vector<std::byte> bytes(identity::kBytes);
  store_le(bytes.data() + kMagic, kMagicValue);
  store_le(bytes.data() + kVersion, std::uint32_t{kLayoutVersion});
  store_le(bytes.data() + kNode, identity.node.value);
  store_le(bytes.data() + kClusterBytes, static_cast<std::uint16_t>(identity.cluster.size()));
  store_le(bytes.data() + kIncarnation, identity.incarnation);
  std::memcpy(bytes.data() + kCluster, identity.cluster.data(), identity.cluster.size());
  store_le(bytes.data() + kCrc, crc32c(std::span(bytes).subspan(4)));
  return replace_file(files, kIdentityName, bytes);
}

}  // namespace ringroad::raft::durable
