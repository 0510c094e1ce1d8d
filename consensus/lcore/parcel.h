// What passes between an io lcore and the consensus lcore: parcels, from two pools, by rte_rings.
// Each pool has a ring of empty parcels and one of full ones; whoever fills takes from the first
// and puts into the second, whoever empties does the reverse. One producer and one consumer each.
//
// Invariant: a parcel is in exactly one place: in one ring of its pool, or in the hands of one
// side. So no enqueue ever finds a ring full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"

struct rte_ring;

namespace ringroad::consensus {

struct Parcel {
  enum class Kind : std::uint8_t {
    kPeerMessage,  // from or to `node`
    kRequest,      // of the program attached as `owner`
    kAnswer,       // to it
  };

  Kind kind = Kind::kPeerMessage;
  NodeId node;
  std::uint16_t owner = 0;
  std::uint32_t generation = 0;  // of the owner's attachment
  std::uint32_t length = 0;
  std::byte* data = nullptr;  // of Parcels::bytes_each()

  std::span<std::byte> bytes() const { return {data, length}; }
};

class Parcels {
 public:
  // `count` is a power of two. Rings are named after `name`, which is the process's own.
  static absl::StatusOr<std::unique_ptr<Parcels>> create(const char* name, std::uint32_t count,
                                                         std::uint32_t bytes_each);
  ~Parcels();
  Parcels(const Parcels&) = delete;
  Parcels& operator=(const Parcels&) = delete;

  std::uint32_t bytes_each() const { return bytes_each_; }

  // The filling side. nullptr when all are full or under way.
  Parcel* take_empty();
  void give_full(Parcel* parcel);
  // The emptying side.
  Parcel* take_full();
  void give_empty(Parcel* parcel);
  // Any side: whether something waits to be emptied.
  bool has_full() const;

 private:
  Parcels() = default;

  std::uint32_t bytes_each_ = 0;
  std::vector<Parcel> parcels_;
  std::unique_ptr<std::byte[]> memory_;
  rte_ring* empty_ = nullptr;
  rte_ring* full_ = nullptr;
};

}  // namespace ringroad::consensus
