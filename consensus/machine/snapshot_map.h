// An ordered map that can be read out as it was at one moment while it goes on changing: freeze()
// marks the moment, next() hands out its entries one after the other in the order of their keys,
// and whatever is about to change before its turn has come is kept aside until then. So a change
// costs at most one saved value, reading out costs a search an entry, and nothing is ever copied as
// a whole.
//
// What is kept aside is at most what the map held at that moment. One reading at a time. Values are
// to be cheap to copy. Iteration is by key, the same on every node.
#pragma once

#include <iterator>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "dataplane/base/check.h"

namespace ringroad::machine {

template <typename Key, typename Value, typename Less>
class SnapshotMap {
 public:
  using Map = absl::btree_map<Key, Value, Less>;
  using Iterator = typename Map::iterator;
  using ConstIterator = typename Map::const_iterator;

  std::size_t size() const { return map_.size(); }
  ConstIterator begin() const { return map_.begin(); }
  ConstIterator end() const { return map_.end(); }
  // Invariant: not empty.
  const Key& last_key() const {
    RR_CHECK(!map_.empty());
    return std::prev(map_.end())->first;
  }
  Iterator end() { return map_.end(); }
  template <typename K>
  Iterator find(const K& key) {
    return map_.find(key);
  }
  template <typename K>
  ConstIterator find(const K& key) const {
    return map_.find(key);
  }
  template <typename K>
  Iterator lower_bound(const K& key) {
    return map_.lower_bound(key);
  }
  template <typename K>
  ConstIterator lower_bound(const K& key) const {
    return map_.lower_bound(key);
  }

  // The value, for changing it.
  Value& change(Iterator at) {
    save(at->first, &at->second);
    return at->second;
  }
  // Invariant: the key is not there; `hint` is where it belongs.
  Iterator insert(Iterator hint, Key key, Value value) {
    save(key, nullptr);
    const std::size_t before = map_.size();
    const Iterator at = map_.emplace_hint(hint, std::move(key), std::move(value));
    RR_CHECK(map_.size() == before + 1);
    return at;
  }
  // Returns where the next entry is.
  Iterator erase(Iterator at) {
    save(at->first, &at->second);
    return map_.erase(at);
  }

  void freeze() {
    RR_CHECK(!is_frozen_);
    is_frozen_ = true;
    frozen_size_ = map_.size();
  }
  void thaw() {
    is_frozen_ = false;
    last_.reset();
    saved_.clear();
  }
  bool is_frozen() const { return is_frozen_; }
  // How many entries there were at freeze().
  std::size_t frozen_size() const { return frozen_size_; }
  std::size_t saved_count() const { return saved_.size(); }

  // The next entry as it was at freeze(); nothing when all have been handed out.
  std::optional<std::pair<Key, Value>> next() {
    for (;;) {
      const Iterator live = last_ ? map_.upper_bound(*last_) : map_.begin();
      const auto saved = saved_.begin();
      if (saved != saved_.end() && (live == map_.end() || !less_(live->first, saved->first))) {
        std::optional<Value> value = std::move(saved->second);
        last_ = saved->first;
        saved_.erase(saved);
        if (value) return std::pair{*last_, std::move(*value)};
        continue;  // came to be after the moment
      }
      if (live == map_.end()) return std::nullopt;
      last_ = live->first;
      return std::pair{live->first, live->second};
    }
  }

 private:
  void save(const Key& key, const Value* value) {
    if (!is_frozen_ || (last_ && !less_(*last_, key))) return;
    const auto [at, is_first] = saved_.try_emplace(key);
    if (is_first && value != nullptr) at->second = *value;
  }

  Map map_;
  bool is_frozen_ = false;
  std::size_t frozen_size_ = 0;
  // The last key handed out: all up to it may change freely.
  std::optional<Key> last_;
  // Of keys behind it: what they held at the moment, nothing for those that were not there.
  absl::btree_map<Key, std::optional<Value>, Less> saved_;
  Less less_;
};

}  // namespace ringroad::machine
