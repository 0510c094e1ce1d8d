#include "consensus/machine/machine.h"

#include <algorithm>

namespace ringroad::machine {

void Machine::pass(Index index) {
  if (is_halted_) return;
  RR_CHECK(index == next(state_->applied));
  state_->applied = index;
}

Answer Machine::apply(Index index, Term term, Bytes payload) {
  if (is_halted_) return {.status = Status::kHalted};
  RR_CHECK(index == next(state_->applied));
  Answer answer;
  if (!payload.empty()) {
    Request request;
    answer.status = decode(payload, state_->level, request);
    if (answer.status == Status::kOk) answer = execute(request, index, term);
    if (is_halted_) return answer;
  }
  state_->applied = index;
  if (!answer.repeated) answer.revision = revision();
  return answer;
}

Answer Machine::execute(const Request& request, Index index, Term term) {
  switch (request.kind) {
    case Kind::kAdvanceClock:
      return advance_clock(request, term);
    case Kind::kRaiseLevel:
      return raise_level(request);
    case Kind::kOpenSession:
      return state_->sessions.open(ClientId{index.value}, request.time);
    case Kind::kKeepSession:
      return state_->sessions.keep(request.session);
    case Kind::kCloseSession:
      return state_->sessions.close(request.session);
    default:
      break;
  }
  if (is_query(request.kind)) return {.status = Status::kBadRequest};
  if (request.session == kNoClient) return execute_once(request, index);
  return state_->sessions.once(request, [&] {
    Answer answer = execute_once(request, index);
    answer.revision = revision();
    return answer;
  });
}

Answer Machine::execute_once(const Request& request, Index index) {
  Registry& registry = state_->registry;
  switch (request.kind) {
    case Kind::kPut:
      return registry.put(request);
    case Kind::kDelete:
      return registry.erase(request);
    case Kind::kCompareAndSwap:
      return registry.compare_and_swap(request);
    case Kind::kGrantLease:
      return registry.grant(LeaseId{index.value}, request.time);
    case Kind::kKeepLease:
      return registry.keep(request.lease);
    case Kind::kRevokeLease:
      return registry.revoke(request.lease);
    case Kind::kAppend:
      return {.value = state_->log.append(request.value, state_->limits).value};
    default:
      RR_CHECK(false);  // execute() has dealt with the others
  }
}

Answer Machine::advance_clock(const Request& request, Term term) {
  if (request.term != term) return {.status = Status::kStale};
  state_->clock = std::max(state_->clock, request.time);
  state_->registry.on_clock(state_->clock);
  state_->sessions.on_clock(state_->clock);
  return {.value = static_cast<std::uint64_t>(state_->clock.count)};
}

Answer Machine::raise_level(const Request& request) {
  if (request.level > known_) {
    is_halted_ = true;
    return {.status = Status::kHalted};
  }
  state_->level = std::max(state_->level, request.level);
  return {.value = state_->level.value};
}

}  // namespace ringroad::machine
