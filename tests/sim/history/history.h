// What clients asked of a key-value store and what they were told, in the order in which it
// happened: the evidence by which linearizability.h judges a run. A simulated world owns one, calls
// invoke() when a client's request leaves and one of complete(), forget() and refuse() when the
// client knows more.
//
// Every key is a register that starts absent, and 0 stands for absent:
//   get        reads the value;
//   put        writes `argument`;
//   delete     writes 0;
//   CAS        writes `argument` if the value is `expected`, and tells whether it did.
//
// Order is the order of the calls, which time only labels: in a simulation many events share a
// nanosecond, and one that ran before another did precede it. So an operation that is completed by
// an earlier call than another's invoke() has to take effect before it, at equal times too.
// Invariant: time never goes back, and an operation ends once. Both are the recorder's duty, no
// input from outside.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/ids.h"

namespace ringroad::sim {

// Counts the operations of one history from 0.
using OperationId = StrongId<struct OperationIdTag, std::uint32_t>;
// Counts the calls that recorded one history from 0.
using EventNumber = StrongId<struct EventNumberTag, std::uint32_t>;
inline constexpr EventNumber kNoEvent{0xffff'ffff};

struct Invocation {
  enum class Kind : std::uint8_t { kGet, kPut, kDelete, kCompareAndSwap };

  std::uint32_t client = 0;
  Kind kind = Kind::kGet;
  std::uint32_t key = 0;
  std::uint64_t argument = 0;  // put and CAS: what to write
  std::uint64_t expected = 0;  // CAS
};

struct Operation : Invocation {
  std::uint64_t result = 0;  // get: the value, 0 when absent; CAS: 1 when it wrote, else 0
  Nanos invoked{};
  Nanos returned = kNever;         // kNever: may take effect at any later time, or never
  bool definitely_failed = false;  // refused: it had no effect and never will
  EventNumber invoked_event{};
  EventNumber returned_event = kNoEvent;  // kNoEvent sorts after all others

  bool is_unknown() const { return returned_event == kNoEvent && !definitely_failed; }
  // What the operation leaves behind where it takes effect.
  std::uint64_t written() const { return kind == Kind::kDelete ? 0 : argument; }
};

class History {
 public:
  [[nodiscard]] OperationId invoke(const Invocation& invocation, Nanos now);

  // The client was told `result` (any for put and delete).
  void complete(OperationId id, std::uint64_t result, Nanos now);
  // The client gave up waiting. It may have taken effect, may yet, or may never. An operation that
  // no call ends is the same.
  void forget(OperationId id, Nanos now);
  // The client was told that nothing happened and nothing will.
  void refuse(OperationId id, Nanos now);

  std::span<const Operation> operations() const { return operations_; }

 private:
  EventNumber next_event(Nanos now);
  Operation& end(OperationId id);

  std::vector<Operation> operations_;  // by id, so in the order of their invocation
  std::vector<bool> ended_;
  Nanos last_{};
  EventNumber events_{};
};

}  // namespace ringroad::sim
