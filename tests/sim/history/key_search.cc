#include "tests/sim/history/key_search.h"

#include <algorithm>
#include <vector>

#include "tests/sim/history/seen_words.h"
#include "tests/sim/history/settle.h"

namespace ringroad::sim {
namespace {

// A value's place among those that are compared with, so that counts by value are arrays.
using ValueIndex = std::uint32_t;
constexpr ValueIndex kAbsent = 0;
constexpr ValueIndex kUncompared = 1;  // all values that nobody compares anything with

class Values {
 public:
  explicit Values(std::span<const Operation> operations) {
    for (const Operation& operation : operations) {
      if (demand(operation) != Demand::kNothing) compared_.push_back(compared(operation));
    }
    std::sort(compared_.begin(), compared_.end());
    compared_.erase(std::unique(compared_.begin(), compared_.end()), compared_.end());
  }
  ValueIndex index(std::uint64_t value) const {
    if (value == 0) return kAbsent;
    const auto at = std::lower_bound(compared_.begin(), compared_.end(), value);
    if (at == compared_.end() || *at != value) return kUncompared;
    return static_cast<ValueIndex>(at - compared_.begin()) + 2;
  }
  std::size_t size() const { return compared_.size() + 2; }

 private:
  std::vector<std::uint64_t> compared_;
};

// What an operation does, as the search needs it.
struct Effect {
  Demand demand;
  bool writes;
  ValueIndex compared;
  ValueIndex written;

  Effect(const Operation& operation, const Values& values)
      : demand(sim::demand(operation)),
        writes(sim::writes(operation)),
        compared(demand == Demand::kNothing ? kUncompared : values.index(sim::compared(operation))),
        written(values.index(operation.written())) {}
  bool operator==(const Effect&) const = default;

  bool accepts(ValueIndex value) const {
    return demand == Demand::kNothing || (demand == Demand::kEqual) == (value == compared);
  }
  bool is_blind() const { return demand == Demand::kNothing; }
};

struct Required {
  Effect effect;
  EventNumber invoked, returned;
};

// Unknown operations of one effect, which are taken in the order of their invocation.
struct Optional {
  Effect effect;
  std::vector<EventNumber> invoked;
  std::size_t taken = 0;

  bool is_eligible(EventNumber horizon) const {
    return taken < invoked.size() && invoked[taken] < horizon;
  }
};

class KeySearch {
 public:
  explicit KeySearch(std::span<const Operation> settled);
  Verdict run(std::uint64_t steps_max);

 private:
  struct Move {
    bool optional;
    std::uint32_t index;
  };
  struct Frame {
    std::size_t taken_count;
    std::size_t moves_begin, moves_next;
  };

  template <typename Visit>
  EventNumber visit_eligible(Visit visit) const;
  void absorb();
  void collect_moves();
  void collect_required(std::uint32_t index);
  void collect_optional(EventNumber horizon);
  bool may_leave_for(const Effect& effect, bool required) const;
  bool is_awaited(ValueIndex value, EventNumber horizon) const;
  void take(Move move);
  void take_back();
  bool remember();
  void count(const Effect& effect, bool required, std::uint32_t by);

  // A ring through the operations not yet ordered, in the order of invocation; its head stands
  // after the last.
  std::vector<Required> required_;
  std::vector<std::uint32_t> next_, previous_;
  std::vector<Optional> optional_;
  ValueIndex value_ = kAbsent;
  std::size_t required_left_;
  std::vector<std::uint32_t> readers_left_;  // by value: required ones that demand it
  std::vector<std::uint32_t> writers_left_;  // by value: of both kinds

  std::vector<Move> taken_;
  std::vector<Move> moves_;
  std::vector<Frame> frames_;
  std::vector<std::uint32_t> waiting_;  // eligible, and not answered by the present value

  std::vector<std::uint64_t> ordered_;  // a bit for each required operation
  SeenWords seen_;
};

KeySearch::KeySearch(std::span<const Operation> settled) {
  const Values values(settled);
  readers_left_.resize(values.size());
  writers_left_.resize(values.size());
  for (const Operation& operation : settled) {
    const Effect effect(operation, values);
    count(effect, !operation.is_unknown(), 1);
    if (!operation.is_unknown()) {
      required_.push_back({effect, operation.invoked_event, operation.returned_event});
      continue;
    }
    auto alike = std::find_if(optional_.begin(), optional_.end(),
                              [&](const Optional& other) { return other.effect == effect; });
    if (alike == optional_.end()) alike = optional_.insert(alike, {effect, {}});
    alike->invoked.push_back(operation.invoked_event);
  }
  required_left_ = required_.size();
  ordered_.resize(required_.size() / 64 + 1);
  const auto head = static_cast<std::uint32_t>(required_.size());
  next_.resize(head + 1);
  previous_.resize(head + 1);
  for (std::uint32_t i = 0; i <= head; ++i) {
    next_[i] = i == head ? 0 : i + 1;
    previous_[i] = i == 0 ? head : i - 1;
  }
}

Verdict KeySearch::run(std::uint64_t steps_max) {
  absorb();
  if (required_left_ == 0) return Verdict::kLinearizable;
  collect_moves();
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    while (taken_.size() > frame.taken_count) take_back();
    if (frame.moves_next == moves_.size()) {
      moves_.resize(frame.moves_begin);
      frames_.pop_back();
      continue;
    }
    if (steps_max-- == 0) return Verdict::kExhausted;
    take(moves_[frame.moves_next++]);
    absorb();
    if (required_left_ == 0) return Verdict::kLinearizable;
    if (remember()) collect_moves();
  }
  return Verdict::kNotLinearizable;
}

// Returns the event before which an operation has to be invoked to be eligible.
template <typename Visit>
EventNumber KeySearch::visit_eligible(Visit visit) const {
  EventNumber horizon = kNoEvent;
  const auto head = static_cast<std::uint32_t>(required_.size());
  for (std::uint32_t i = next_[head]; i != head; i = next_[i]) {
    horizon = std::min(horizon, required_[i].returned);
    if (required_[i].invoked > horizon) break;
    visit(i);
  }
  return horizon;
}

// Rule 1. One that is taken may make others eligible.
void KeySearch::absorb() {
  for (std::size_t left = required_left_ + 1; left > required_left_;) {
    left = required_left_;
    visit_eligible([&](std::uint32_t i) {
      if (!required_[i].effect.writes && required_[i].effect.accepts(value_)) take({false, i});
    });
  }
}

void KeySearch::collect_moves() {
  frames_.push_back({taken_.size(), moves_.size(), moves_.size()});
  waiting_.clear();
  const EventNumber horizon = visit_eligible([&](std::uint32_t i) { collect_required(i); });
  collect_optional(horizon);
}

void KeySearch::collect_required(std::uint32_t index) {
  const Effect& effect = required_[index].effect;
  if (!effect.accepts(value_)) {
    waiting_.push_back(index);
    return;
  }
  if (!may_leave_for(effect, true)) return;
  if (effect.is_blind()) {  // rule 2
    for (std::size_t i = frames_.back().moves_begin; i < moves_.size(); ++i) {
      const Required& other = required_[moves_[i].index];
      if (other.effect != effect) continue;
      if (required_[index].returned < other.returned) moves_[i].index = index;
      return;
    }
  }
  moves_.push_back({false, index});
}

// Rule 3.
void KeySearch::collect_optional(EventNumber horizon) {
  for (std::uint32_t i = 0; i < optional_.size(); ++i) {
    const Effect& effect = optional_[i].effect;
    if (!optional_[i].is_eligible(horizon) || effect.written == value_) continue;
    if (!effect.accepts(value_) || !may_leave_for(effect, false)) continue;
    if (is_awaited(effect.written, horizon)) moves_.push_back({true, i});
  }
}

// Rule 4.
bool KeySearch::may_leave_for(const Effect& effect, bool required) const {
  if (effect.written == value_) return true;
  const std::uint32_t itself = required && effect.demand == Demand::kEqual ? 1 : 0;
  return readers_left_[value_] <= itself || writers_left_[value_] > 0;
}

bool KeySearch::is_awaited(ValueIndex value, EventNumber horizon) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](std::uint32_t i) { return required_[i].effect.accepts(value); }) ||
         std::any_of(optional_.begin(), optional_.end(), [&](const Optional& other) {
           return other.is_eligible(horizon) && other.effect.demand == Demand::kEqual &&
                  other.effect.compared == value;
         });
}

void KeySearch::count(const Effect& effect, bool required, std::uint32_t by) {
  if (required && effect.demand == Demand::kEqual) readers_left_[effect.compared] += by;
  if (effect.writes) writers_left_[effect.written] += by;
}

void KeySearch::take(Move move) {
  taken_.push_back(move);
  const Effect& effect =
      move.optional ? optional_[move.index].effect : required_[move.index].effect;
  count(effect, !move.optional, ~std::uint32_t{0});
  if (effect.writes) value_ = effect.written;
  if (move.optional) {
    ++optional_[move.index].taken;
    return;
  }
  next_[previous_[move.index]] = next_[move.index];
  previous_[next_[move.index]] = previous_[move.index];
  ordered_[move.index / 64] |= std::uint64_t{1} << (move.index % 64);
  --required_left_;
}

// Undoes the latest take(): the links of what was unlinked still lead to its neighbours. The value
// need not be restored: what is tried next is a write.
void KeySearch::take_back() {
  const Move move = taken_.back();
  taken_.pop_back();
  const Effect& effect =
      move.optional ? optional_[move.index].effect : required_[move.index].effect;
  count(effect, !move.optional, 1);
  if (move.optional) {
    --optional_[move.index].taken;
    return;
  }
  next_[previous_[move.index]] = move.index;
  previous_[next_[move.index]] = move.index;
  ordered_[move.index / 64] &= ~(std::uint64_t{1} << (move.index % 64));
  ++required_left_;
}

// Whether this set of ordered operations with this value is new. Words before the first operation
// left are all ones; those after the last ordered one are zero.
bool KeySearch::remember() {
  const std::size_t first = next_[required_.size()] / 64;
  std::size_t end = ordered_.size();
  while (end > first && ordered_[end - 1] == 0) --end;
  seen_.begin();
  seen_.add((static_cast<std::uint64_t>(first) << 32) | value_);
  for (const Optional& optional : optional_) seen_.add(optional.taken);
  for (std::size_t i = first; i < end; ++i) seen_.add(ordered_[i]);
  return seen_.insert();
}

}  // namespace

Verdict search(std::span<const Operation> of_one_key, std::uint64_t steps_max) {
  return KeySearch(settle(of_one_key)).run(steps_max);
}

}  // namespace ringroad::sim
