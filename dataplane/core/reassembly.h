// The pieces of fragmented messages: spans into held frames, in lists ordered by offset, from one
// fixed pool a link. Inserting refuses what overlaps, and knows what it already has.
// Invariant: the pieces of a list never overlap; `received` is their sum.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/check.h"

namespace ringroad {

enum class PieceResult : std::uint8_t {
  kInserted,
  kDuplicate,  // the very same span is there already
  kOverlap,    // part of it is: refused
  kNoRoom,     // the pool is empty
};

struct PieceList {
  static constexpr std::uint32_t kEnd = ~std::uint32_t{0};
  std::uint32_t first = kEnd;
  std::uint32_t last = kEnd;
  std::uint32_t received = 0;
};

class PiecePool {
 public:
  explicit PiecePool(std::uint32_t pieces_max)
      : pieces_(std::make_unique_for_overwrite<Piece[]>(pieces_max)) {
    free_.reserve(pieces_max);
    reset(pieces_max);
  }

  // Forgets every list. `pieces_max` as at construction.
  void reset(std::uint32_t pieces_max) {
    free_.clear();
    for (std::uint32_t i = pieces_max; i-- > 0;) free_.push_back(i);
  }
  std::uint32_t free_count() const { return static_cast<std::uint32_t>(free_.size()); }

  // What insert() would say, without inserting. `before` is the piece to insert behind, or kEnd.
  [[nodiscard]] PieceResult find(const PieceList& list, std::uint32_t offset, std::uint32_t length,
                                 std::uint32_t& before) const {
    before = PieceList::kEnd;
    std::uint32_t at = list.first;
    // Fragments mostly come in order: behind the last one.
    if (list.last != PieceList::kEnd && end_of(list.last) <= offset) {
      before = list.last;
      at = PieceList::kEnd;
    }
    for (; at != PieceList::kEnd && pieces_[at].offset < offset; at = pieces_[at].next) {
      before = at;
    }
    if (before != PieceList::kEnd && end_of(before) > offset) return PieceResult::kOverlap;
    if (at != PieceList::kEnd) {
      if (pieces_[at].offset == offset && pieces_[at].length == length) {
        return PieceResult::kDuplicate;
      }
      if (offset + length > pieces_[at].offset) return PieceResult::kOverlap;
    }
    return free_.empty() ? PieceResult::kNoRoom : PieceResult::kInserted;
  }

  // Inserts behind `before`, as found by find(), which said kInserted.
  void insert(PieceList& list, std::uint32_t before, std::uint32_t offset, std::uint32_t length,
              const std::byte* data, std::uint32_t frame) {
    RR_CHECK(!free_.empty());
    const std::uint32_t index = free_.back();
    free_.pop_back();
    std::uint32_t& link = before == PieceList::kEnd ? list.first : pieces_[before].next;
    pieces_[index] = {data, offset, length, frame, link};
    link = index;
    if (pieces_[index].next == PieceList::kEnd) list.last = index;
    list.received += length;
  }

  // Fills `out` with the payload spans in order; returns how many.
  std::size_t gather(const PieceList& list, std::span<std::span<const std::byte>> out) const {
    std::size_t count = 0;
    for (std::uint32_t at = list.first; at != PieceList::kEnd; at = pieces_[at].next) {
      out[count++] = {pieces_[at].data, pieces_[at].length};
    }
    return count;
  }

  // Empties the list, calling drop(frame) for each piece.
  template <typename Drop>
  void clear(PieceList& list, Drop drop) {
    for (std::uint32_t at = list.first; at != PieceList::kEnd;) {
      const Piece piece = pieces_[at];
      free_.push_back(at);
      drop(piece.frame);
      at = piece.next;
    }
    list = {};
  }

 private:
  struct Piece {
    const std::byte* data;
    std::uint32_t offset;
    std::uint32_t length;
    std::uint32_t frame;
    std::uint32_t next;
  };

  std::uint32_t end_of(std::uint32_t index) const {
    return pieces_[index].offset + pieces_[index].length;
  }

  std::unique_ptr<Piece[]> pieces_;
  std::vector<std::uint32_t> free_;
};

}  // namespace ringroad
