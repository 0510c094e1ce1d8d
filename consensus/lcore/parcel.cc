#include "consensus/lcore/parcel.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_ring.h>

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"

namespace ringroad::consensus {

namespace {

rte_ring* make_ring(const std::string& name, std::uint32_t count) {
  return rte_ring_create(name.c_str(), count, SOCKET_ID_ANY,
                         RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

Parcel* dequeue(rte_ring* ring) {
  void* object = nullptr;
  return rte_ring_sc_dequeue(ring, &object) == 0 ? static_cast<Parcel*>(object) : nullptr;
}

void enqueue(rte_ring* ring, Parcel* parcel) { RR_CHECK(rte_ring_sp_enqueue(ring, parcel) == 0); }

}  // namespace

absl::StatusOr<std::unique_ptr<Parcels>> Parcels::create(const char* name, std::uint32_t count,
                                                         std::uint32_t bytes_each) {
  std::unique_ptr<Parcels> made(new Parcels);
  made->bytes_each_ = bytes_each;
  made->empty_ = make_ring(absl::StrCat(name, "-empty"), count);
  made->full_ = make_ring(absl::StrCat(name, "-full"), count);
  if (made->empty_ == nullptr || made->full_ == nullptr) {
    return absl::InternalError(absl::StrCat("no ring for consensus: ", rte_strerror(rte_errno)));
  }
  made->memory_ =
      std::make_unique_for_overwrite<std::byte[]>(std::size_t{count} * bytes_each);  // at start
  made->parcels_.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    made->parcels_[i].data = made->memory_.get() + std::size_t{i} * bytes_each;
    enqueue(made->empty_, &made->parcels_[i]);
  }
  return made;
}

Parcels::~Parcels() {
  rte_ring_free(empty_);
  rte_ring_free(full_);
}

Parcel* Parcels::take_empty() { return dequeue(empty_); }
void Parcels::give_full(Parcel* parcel) { enqueue(full_, parcel); }
Parcel* Parcels::take_full() { return dequeue(full_); }
void Parcels::give_empty(Parcel* parcel) { enqueue(empty_, parcel); }
bool Parcels::has_full() const { return rte_ring_empty(full_) == 0; }

}  // namespace ringroad::consensus
