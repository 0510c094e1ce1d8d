// One stream's sequence as it arrives: what is missing, what came twice, what came late. Pure.
//
// Holds the next expected sequence and the holes below it, at most kHolesMax; the usual arrival
// (the next in order) costs a comparison and an increment. When one hole too many opens, the oldest
// is given up: its messages stay lost, and `forgotten_below` says up to where a late one can no
// longer be told from a duplicate (it is counted as one).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringroad::gen {

enum class Arrival : std::uint8_t {
  kInOrder,    // the next one, or one beyond a new hole
  kReordered,  // filled a hole: later than one sent after it
  kDuplicate,  // was here before
};

class SequenceChecker {
 public:
  static constexpr std::size_t kHolesMax = 64;

  Arrival on_sequence(std::uint64_t sequence) {
    if (sequence == next_) [[likely]] {
      ++next_;
      return Arrival::kInOrder;
    }
    return on_unexpected(sequence);
  }

  // The sender says how many it sent: those at the end that never came are holes too.
  void on_total(std::uint64_t sent) {
    if (sent > next_) open_hole(sent);
  }

  std::uint64_t next() const { return next_; }
  // Messages sent before the latest arrival that are not here.
  std::uint64_t missing() const { return missing_; }
  std::uint64_t forgotten_below() const { return forgotten_below_; }

 private:
  struct Hole {
    std::uint64_t begin = 0, end = 0;  // [begin, end)
  };

  Arrival on_unexpected(std::uint64_t sequence);
  void open_hole(std::uint64_t end);  // [next_, end); next_ becomes end
  Arrival fill(std::size_t hole, std::uint64_t sequence);
  void insert(std::size_t at, Hole hole);
  void erase(std::size_t at);

  std::uint64_t next_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t forgotten_below_ = 0;
  std::size_t hole_count_ = 0;
  std::array<Hole, kHolesMax> holes_{};  // ascending, disjoint
};

}  // namespace ringroad::gen
