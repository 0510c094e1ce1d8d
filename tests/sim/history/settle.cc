#include "tests/sim/history/settle.h"

#include <algorithm>
#include <utility>

namespace ringroad::sim {
namespace {

using Kind = Invocation::Kind;

class Settler {
 public:
  explicit Settler(std::span<const Operation> of_one_key);
  std::vector<Operation> run();

 private:
  using Indexed = std::pair<std::uint64_t, std::size_t>;  // a value, and the operation it is of

  static std::span<const Indexed> with_value(const std::vector<Indexed>& sorted,
                                             std::uint64_t value);
  bool is_seen(std::size_t write) const;
  bool maybe_set_deadline(std::size_t write);

  std::vector<Operation> operations_;
  std::vector<bool> dropped_;
  std::vector<Indexed> readers_;        // demand kEqual, by the value
  std::vector<Indexed> writers_;        // by the value
  std::vector<std::size_t> differing_;  // demand kOther
};

Settler::Settler(std::span<const Operation> of_one_key) {
  for (const Operation& operation : of_one_key) {
    if (operation.definitely_failed) continue;
    if (operation.is_unknown() && !writes(operation)) continue;
    const std::size_t index = operations_.size();
    operations_.push_back(operation);
    if (demand(operation) == Demand::kEqual) readers_.emplace_back(compared(operation), index);
    if (demand(operation) == Demand::kOther) differing_.push_back(index);
    if (writes(operation)) writers_.emplace_back(operation.written(), index);
  }
  dropped_.resize(operations_.size());
  std::sort(readers_.begin(), readers_.end());
  std::sort(writers_.begin(), writers_.end());
}

std::span<const Settler::Indexed> Settler::with_value(const std::vector<Indexed>& sorted,
                                                      std::uint64_t value) {
  const auto first = std::lower_bound(sorted.begin(), sorted.end(), Indexed{value, 0});
  auto last = first;
  while (last != sorted.end() && last->first == value) ++last;
  return {first, last};
}

bool Settler::is_seen(std::size_t write) const {
  const auto sees = [&](std::size_t witness) {
    return witness != write && !dropped_[witness] &&
           could_see(operations_[witness], operations_[write], kNoEvent);
  };
  const auto readers = with_value(readers_, operations_[write].written());
  return std::any_of(readers.begin(), readers.end(),
                     [&](const Indexed& reader) { return sees(reader.second); }) ||
         std::any_of(differing_.begin(), differing_.end(), sees);
}

bool Settler::maybe_set_deadline(std::size_t write) {
  const std::uint64_t value = operations_[write].written();
  if (value == 0) return false;  // a register starts absent: it needs no writer to be read so
  for (const auto& [same, writer] : with_value(writers_, value)) {
    if (writer != write && !dropped_[writer]) return false;
  }
  EventNumber deadline = kNoEvent;
  for (const auto& [same, reader] : with_value(readers_, value)) {
    if (reader == write || dropped_[reader]) continue;
    deadline = std::min(deadline, operations_[reader].returned_event);
  }
  if (deadline == kNoEvent) return false;  // its readers are unknown themselves
  operations_[write].returned_event = deadline;
  operations_[write].result = 1;
  return true;
}

std::vector<Operation> Settler::run() {
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (dropped_[i] || !operations_[i].is_unknown()) continue;
      dropped_[i] = !is_seen(i);
      changed |= dropped_[i] || maybe_set_deadline(i);
    }
  }
  std::vector<Operation> kept;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    if (!dropped_[i]) kept.push_back(operations_[i]);
  }
  return kept;
}

}  // namespace

Demand demand(const Operation& operation) {
  switch (operation.kind) {
    case Kind::kGet:
      return Demand::kEqual;
    case Kind::kPut:
    case Kind::kDelete:
      return Demand::kNothing;
    case Kind::kCompareAndSwap:
      break;
  }
  // One of unknown outcome matters only where it writes.
  return operation.is_unknown() || operation.result == 1 ? Demand::kEqual : Demand::kOther;
}

std::uint64_t compared(const Operation& operation) {
  return operation.kind == Kind::kGet ? operation.result : operation.expected;
}

bool writes(const Operation& operation) {
  switch (operation.kind) {
    case Kind::kGet:
      return false;
    case Kind::kPut:
    case Kind::kDelete:
      return true;
    case Kind::kCompareAndSwap:
      break;
  }
  return demand(operation) == Demand::kEqual;
}

bool could_see(const Operation& witness, const Operation& write, EventNumber overwritten) {
  if (witness.returned_event < write.invoked_event) return false;
  if (witness.invoked_event > overwritten) return false;
  switch (demand(witness)) {
    case Demand::kNothing:
      return false;
    case Demand::kEqual:
      return compared(witness) == write.written();
    case Demand::kOther:
      return compared(witness) != write.written();
  }
  return false;
}

std::vector<Operation> settle(std::span<const Operation> of_one_key) {
  return Settler(of_one_key).run();
}

}  // namespace ringroad::sim
