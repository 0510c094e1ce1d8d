// The definition of linearizability, tried out: every order of up to some eight operations on any
// keys. Shares nothing with the checker but the record, since it is what the checker is tried by.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "tests/sim/history/history.h"

namespace ringroad::sim {

class BruteForce {
 public:
  explicit BruteForce(std::span<const Operation> operations) : operations_(operations) {}

  bool is_linearizable() const { return can_go_on(0, {}); }

 private:
  using Registers = std::map<std::uint32_t, std::uint64_t>;

  bool must_happen(std::size_t i) const { return operations_[i].returned_event != kNoEvent; }

  bool can_go_on(std::uint32_t done, const Registers& registers) const {
    bool complete = true;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      complete &= (done >> i & 1) != 0 || !must_happen(i);
    }
    if (complete) return true;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if ((done >> i & 1) != 0 || operations_[i].definitely_failed) continue;
      bool too_early = false;
      for (std::size_t j = 0; j < operations_.size(); ++j) {
        too_early |= (done >> j & 1) == 0 && must_happen(j) &&
                     operations_[j].returned_event < operations_[i].invoked_event;
      }
      Registers after = registers;
      if (!too_early && happen(operations_[i], must_happen(i), after[operations_[i].key]) &&
          can_go_on(done | 1u << i, after)) {
        return true;
      }
    }
    return false;
  }

  // Whether the answer, if there was one, is that of a register that holds `value`.
  static bool happen(const Operation& operation, bool answered, std::uint64_t& value) {
    bool swaps = false;
    switch (operation.kind) {
      case Invocation::Kind::kGet:
        return !answered || operation.result == value;
      case Invocation::Kind::kPut:
        value = operation.argument;
        return true;
      case Invocation::Kind::kDelete:
        value = 0;
        return true;
      case Invocation::Kind::kCompareAndSwap:
        swaps = value == operation.expected;
        if (swaps) value = operation.argument;
        return !answered || swaps == (operation.result == 1);
    }
    return false;
  }

  std::span<const Operation> operations_;
};

}  // namespace ringroad::sim
