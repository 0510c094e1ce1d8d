#include "hugepages/mempool.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "hugepages/text.h"

namespace ringroad {
namespace {

static_assert(RTE_PKTMBUF_HEADROOM == 128, "kBufferBytesMax and packet_pool_bytes count on it");

absl::Status check_plan(const std::string& name, const PoolPlan& plan) {
  if (plan.buffer_bytes == 0 || plan.buffer_bytes > kBufferBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("pool ", name, ": a buffer of ", with_commas(plan.buffer_bytes),
                     " bytes is out of range; an mbuf holds 1 to ", with_commas(kBufferBytesMax),
                     ": lower the ports' mtu or buffer_bytes"));
  }
  if (plan.buffers == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("pool ", name, ": no buffers; set /memory/buffers to 1 or more"));
  }
  return absl::OkStatus();
}

absl::Status creation_error(const std::string& name, const PoolPlan& plan, int error) {
  const std::string what =
      absl::StrCat("pool ", name, ": ", with_commas(plan.buffers), " buffers of ",
                   with_commas(plan.buffer_bytes), " bytes (", megabytes(plan.bytes),
                   ") on NUMA node ", plan.numa_node, ": ");
  if (error == EEXIST) return absl::AlreadyExistsError(what + "a pool of that name exists");
  if (error != ENOMEM) return absl::ErrnoToStatus(error, what + rte_strerror(error));
  return absl::ResourceExhaustedError(
      absl::StrCat(what, "EAL has not that much memory there\n  mend: ",
                   rte_eal_has_hugepages() != 0 ? "reserve more pages (hugepages/reserve)"
                                                : "give EAL more (\"-m\" in /eal_extra)",
                   ", or set /memory/buffers lower"));
}

}  // namespace

void MempoolDeleter::operator()(rte_mempool* pool) const { rte_mempool_free(pool); }

absl::StatusOr<Mempool> create_packet_pool(const std::string& name, const PoolPlan& plan) {
  if (const absl::Status checked = check_plan(name, plan); !checked.ok()) return checked;

  // rte_pktmbuf_pool_create, in steps, for the sake of one flag. Where IOVAs are virtual addresses
  // every buffer is contiguous to a device already; told so, rte_mempool packs buffers without
  // regard to 4 KB pages, which under no-huge saves up to a third of the pool.
  unsigned flags = 0;
  if (rte_eal_iova_mode() == RTE_IOVA_VA) flags |= RTE_MEMPOOL_F_NO_IOVA_CONTIG;
  const auto data_room = static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + plan.buffer_bytes);
  const auto element = static_cast<unsigned>(sizeof(rte_mbuf) + (data_room + 63) / 64 * 64);
  // A cache no larger than this is all the pool takes.
  const unsigned cache = std::min(plan.cache, plan.buffers * 2 / 3);
  Mempool pool(rte_mempool_create_empty(name.c_str(), plan.buffers, element, cache,
                                        sizeof(rte_pktmbuf_pool_private),
                                        static_cast<int>(plan.numa_node), flags));
  if (pool == nullptr) return creation_error(name, plan, rte_errno);

  rte_pktmbuf_pool_private settings{};
  settings.mbuf_data_room_size = data_room;
  rte_pktmbuf_pool_init(pool.get(), &settings);
  if (const int made = rte_mempool_populate_default(pool.get()); made < 0) {
    return creation_error(name, plan, -made);
  }
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  return pool;
}

}  // namespace ringroad
