// The replicated state machine of a cluster: it is given the committed entries of the log, one
// after the other, and each of them changes the state in the same way on every node. It knows no
// clock, socket, thread or chance; time comes in as the leader's readings of its clock, which are
// entries themselves. Owned by the thread that drives the node's Raft.
//
// Invariants: entries are applied in the order of their indexes, none twice. What an entry does
// depends on the entry and the state alone. No entry does more than a bounded amount of work, none
// is too malformed to be refused.
//
// Levels. A node may run an older program than the others. What programs understand is numbered:
// every kind of command, and every rule about one, belongs to a level. The state has a level of its
// own, and a command above it, or of a kind that the level does not have, is refused by every node,
// however new. So a new kind is used only after a command raised the level, which an operator does
// when all nodes can follow. A node that can't is halted by it: it applies nothing from there on,
// and catches up from where it was when it runs a newer program. Refusing is a matter of the bytes
// and the state's level, never of what the program happens to know.
//
// The clock. The leader, and it alone, proposes kAdvanceClock from time to time: with its term, and
// with the state's clock as it was when it had applied the first entry of its own term, plus its
// own time since then. It takes the reading before it proposes what came in since the last one. A
// reading whose term is not that of its entry is refused, and the clock never goes back. Why
// nothing ends early by this: deadlines.h.
#pragma once

#include <memory>

#include "consensus/machine/state.h"

namespace ringroad::machine {

class Machine {
 public:
  // `known` is what this program understands; less than all of it only in tests.
  explicit Machine(const Limits& limits = {}, Level known = kLevelKnown)
      : known_(known), state_(std::make_unique<State>(limits)) {}
  // From a snapshot.
  explicit Machine(std::unique_ptr<State> state, Level known = kLevelKnown)
      : known_(known), state_(std::move(state)) {}

  // Applies an entry. Without payload it is Raft's own and does nothing.
  // Invariant: it is the one after applied(), or the machine is halted.
  Answer apply(Index index, Term term, Bytes payload);
  // An entry that is none of the machine's: a change of membership.
  void pass(Index index);

  // Answers an encoded query from what is applied; returns the bytes of the answer. Invariant:
  // room for an answer's header. An answer that does not fit says so.
  std::size_t query(Bytes request, std::span<std::byte> to) const;

  bool is_halted() const { return is_halted_; }
  Index applied() const { return state_->applied; }
  Nanos cluster_time() const { return state_->clock; }
  Level level() const { return state_->level; }
  // When these move there is something new for watchers and subscribers.
  Revision revision() const { return state_->registry.revision(); }
  LogPosition log_last() const { return state_->log.last(); }
  const State& state() const { return *state_; }
  // For SnapshotWriter.
  State& state() { return *state_; }

 private:
  Answer execute(const Request& request, Index index, Term term);
  Answer execute_once(const Request& request, Index index);
  Answer advance_clock(const Request& request, Term term);
  Answer raise_level(const Request& request);

  Level known_;
  bool is_halted_ = false;
  std::unique_ptr<State> state_;
};

}  // namespace ringroad::machine
