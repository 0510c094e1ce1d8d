// A set of sequences of words, each at least one long, that only grows: where a search has been.
// The sequences lie one after another in one array; the hash set holds where. Never iterated, so
// that its order is nobody's business.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace ringroad::sim {

class SeenWords {
 public:
  SeenWords() : where_(0, Hash{&words_}, Equal{&words_}) {}
  // The hash set points back into it.
  SeenWords(const SeenWords&) = delete;
  SeenWords& operator=(const SeenWords&) = delete;

  // Starts a sequence; add() makes it longer; insert() is true when it was not there before.
  void begin() { begin_ = words_.size(); }
  void add(std::uint64_t word) { words_.push_back(word); }
  bool insert() {
    const bool is_new = where_.insert({begin_, words_.size() - begin_}).second;
    if (!is_new) words_.resize(begin_);
    return is_new;
  }

 private:
  using Words = std::vector<std::uint64_t>;
  struct Place {
    std::size_t begin, length;
    std::span<const std::uint64_t> of(const Words& words) const {
      return {words.data() + begin, length};
    }
  };
  struct Hash {
    const Words* words;
    std::size_t operator()(const Place& place) const {
      std::uint64_t hash = place.length;
      for (const std::uint64_t word : place.of(*words)) {
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
      }
      return hash;
    }
  };
  struct Equal {
    const Words* words;
    bool operator()(const Place& a, const Place& b) const {
      return std::ranges::equal(a.of(*words), b.of(*words));
    }
  };

  Words words_;
  std::size_t begin_ = 0;
  absl::flat_hash_set<Place, Hash, Equal> where_;
};

}  // namespace ringroad::sim
