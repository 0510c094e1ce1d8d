// What clients record of a store whose keys are atomic registers: every request takes effect at one
// moment between its invocation and its return. So the history is linearizable, unless one answer
// is falsified on demand. Some requests are given up: of those half take effect, at any moment up
// to long after. Some are refused, and have none. Everything follows from the seed.
#pragma once

#include <cstdint>
#include <map>
#include <queue>
#include <tuple>
#include <vector>

#include "dataplane/base/prng.h"
#include "tests/sim/history/history.h"

namespace ringroad::sim {

struct Workload {
  std::uint32_t operations = 6;
  std::uint32_t clients = 3;
  std::uint32_t keys = 1;
  std::uint64_t values = 0;  // to draw from when writing; 0: each written value is new
  std::uint32_t get_ppm = 400'000, delete_ppm = 100'000, cas_ppm = 200'000;  // the rest puts
  std::uint32_t unknown_ppm = 0, refused_ppm = 0;
  Nanos think_max = microseconds(50);
  Nanos latency_max = microseconds(100);
  Nanos linger_max = milliseconds(1);  // until one that was given up takes effect
  std::uint32_t lie_after =
      0xffff'ffff;  // so many true answers, the next get or CAS gets a wrong one
};

class RandomHistory {
 public:
  RandomHistory(std::uint64_t seed, const Workload& workload) : workload_(workload), prng_(seed) {}

  History run() {
    for (std::uint32_t client = 0; client < workload_.clients; ++client) {
      schedule(up_to(workload_.think_max), Happening::kInvoke, client);
    }
    while (!agenda_.empty()) {
      const auto [due, order, what, subject] = agenda_.top();
      agenda_.pop();
      now_ = due;
      switch (what) {
        case Happening::kInvoke:
          on_invoke(subject);
          break;
        case Happening::kEffect:
          on_effect(subject);
          break;
        case Happening::kReturn:
          on_return(subject);
          break;
      }
    }
    return std::move(history_);
  }

 private:
  enum class Happening : std::uint8_t { kInvoke, kEffect, kReturn };
  enum class Fate : std::uint8_t { kAnswered, kUnknown, kRefused };
  // When, in which order if at once, what, and to which client (kInvoke) or operation.
  using Entry = std::tuple<Nanos, std::uint64_t, Happening, std::uint32_t>;

  Nanos up_to(Nanos max) {
    return Nanos{static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(max.count) + 1))};
  }
  void schedule(Nanos delay, Happening what, std::uint32_t subject) {
    agenda_.emplace(now_ + delay, scheduled_++, what, subject);
  }

  std::uint64_t draw_value() {
    return workload_.values == 0 ? ++values_written_ : 1 + prng_.below(workload_.values);
  }
  Invocation draw_invocation(std::uint32_t client) {
    using Kind = Invocation::Kind;
    Invocation drawn{.client = client,
                     .key = static_cast<std::uint32_t>(prng_.below(workload_.keys))};
    const std::uint64_t dice = prng_.below(1'000'000);
    if (dice < workload_.get_ppm) return drawn;
    drawn.kind = Kind::kDelete;
    if (dice < workload_.get_ppm + workload_.delete_ppm) return drawn;
    drawn.kind = Kind::kPut;
    drawn.argument = draw_value();
    if (dice < workload_.get_ppm + workload_.delete_ppm + workload_.cas_ppm) {
      drawn.kind = Kind::kCompareAndSwap;
      drawn.expected = prng_.chance_ppm(700'000) ? registers_[drawn.key] : some_value();
    }
    return drawn;
  }
  // One that was or may be written, or absent.
  std::uint64_t some_value() {
    return prng_.below((workload_.values == 0 ? values_written_ : workload_.values) + 1);
  }

  void on_invoke(std::uint32_t client) {
    if (history_.operations().size() == workload_.operations) return;
    const OperationId id = history_.invoke(draw_invocation(client), now_);
    const Nanos latency = up_to(workload_.latency_max);
    Fate fate = Fate::kAnswered;
    if (prng_.chance_ppm(workload_.unknown_ppm)) fate = Fate::kUnknown;
    if (prng_.chance_ppm(workload_.refused_ppm)) fate = Fate::kRefused;
    fates_.push_back(fate);
    results_.push_back(0);
    if (fate == Fate::kAnswered) schedule(up_to(latency), Happening::kEffect, id.value);
    if (fate == Fate::kUnknown && prng_.chance_ppm(500'000)) {
      schedule(up_to(workload_.linger_max), Happening::kEffect, id.value);
    }
    schedule(latency, Happening::kReturn, id.value);
  }

  void on_effect(std::uint32_t id) {
    const Operation& operation = history_.operations()[id];
    std::uint64_t& value = registers_[operation.key];
    results_[id] = value;
    if (operation.kind == Invocation::Kind::kCompareAndSwap) {
      results_[id] = value == operation.expected ? 1 : 0;
      if (results_[id] == 0) return;
    }
    if (operation.kind != Invocation::Kind::kGet) value = operation.written();
  }

  void on_return(std::uint32_t id) {
    const Operation& operation = history_.operations()[id];
    if (fates_[id] == Fate::kUnknown) history_.forget(OperationId{id}, now_);
    if (fates_[id] == Fate::kRefused) history_.refuse(OperationId{id}, now_);
    if (fates_[id] == Fate::kAnswered) history_.complete(OperationId{id}, answer(id), now_);
    schedule(Nanos{1} + up_to(workload_.think_max), Happening::kInvoke, operation.client);
  }

  std::uint64_t answer(std::uint32_t id) {
    const Invocation::Kind kind = history_.operations()[id].kind;
    if (kind != Invocation::Kind::kGet && kind != Invocation::Kind::kCompareAndSwap) return 0;
    if (lied_ || returns_++ < workload_.lie_after) return results_[id];
    lied_ = true;
    if (kind == Invocation::Kind::kCompareAndSwap) return 1 - results_[id];
    const std::uint64_t other = some_value();
    return other == results_[id] ? other + 1 : other;
  }

  Workload workload_;
  Prng prng_;
  Nanos now_{};
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> agenda_;
  std::uint64_t scheduled_ = 0;
  std::map<std::uint32_t, std::uint64_t> registers_;
  std::uint64_t values_written_ = 0;
  std::vector<Fate> fates_;             // by operation
  std::vector<std::uint64_t> results_;  // by operation
  std::uint32_t returns_ = 0;
  bool lied_ = false;
  History history_;
};

inline History random_history(std::uint64_t seed, const Workload& workload) {
  return RandomHistory(seed, workload).run();
}

}  // namespace ringroad::sim
