#include "tests/sim/history/history.h"

#include "dataplane/base/check.h"

namespace ringroad::sim {

OperationId History::invoke(const Invocation& invocation, Nanos now) {
  Operation operation{invocation};
  operation.invoked = now;
  operation.invoked_event = next_event(now);
  operations_.push_back(operation);
  ended_.push_back(false);
  return OperationId{static_cast<std::uint32_t>(operations_.size() - 1)};
}

void History::complete(OperationId id, std::uint64_t result, Nanos now) {
  Operation& operation = end(id);
  RR_CHECK(operation.kind != Invocation::Kind::kCompareAndSwap || result <= 1);
  operation.result = result;
  operation.returned = now;
  operation.returned_event = next_event(now);
}

void History::forget(OperationId id, Nanos now) {
  end(id);
  next_event(now);
}

void History::refuse(OperationId id, Nanos now) {
  end(id).definitely_failed = true;
  next_event(now);
}

EventNumber History::next_event(Nanos now) {
  // Invariant: time never goes back.
  RR_CHECK(now >= last_ && now < kNever);
  last_ = now;
  const EventNumber event = events_;
  ++events_.value;
  return event;
}

Operation& History::end(OperationId id) {
  // Invariant: an operation ends once.
  RR_CHECK(id.value < operations_.size() && !ended_[id.value]);
  ended_[id.value] = true;
  return operations_[id.value];
}

}  // namespace ringroad::sim
