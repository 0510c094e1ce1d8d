// Fuzzes Raft::step() with whatever decodes: a core restored from some state is given hostile
// messages, the time passes in between, and every Ready is carried out. The input:
//
//   1 byte    flags: voters 1 to 4, pre-vote, quorum check, asynchronous writes, lease
//   1 byte    how many entries the log has
//   then, repeated: length (16 bits, little-endian) and a message of that many bytes. A length of 0
//   lets 40 ms pass.
//
// The sender of a message is made a node other than this one, as its link would have told. What
// must hold: the core never stops itself (its invariants are about itself, not about others), and
// what it promised stays so: term and commit never go back, nothing is applied twice or out of
// order, and no second vote is given in a term.
#include <cstdlib>
#include <optional>
#include <vector>

#include "consensus/core/codec.h"
#include "consensus/core/raft.h"
#include "dataplane/base/byte_order.h"

namespace {

using namespace ringroad;
using namespace ringroad::raft;

constexpr NodeId kSelf{1};

void require(bool condition) {
  if (!condition) std::abort();
}

class Target {
 public:
  Target(std::uint8_t flags, std::uint8_t log_entries) : is_async_((flags & 16) != 0) {
    Config config;
    config.id = kSelf;
    config.pre_vote = (flags & 4) != 0;
    config.check_quorum = (flags & 8) != 0;
    config.async_storage_writes = is_async_;
    if ((flags & 32) != 0 && config.check_quorum) config.read_mode = ReadMode::kLease;
    config.pending_reads_max = 8;
    std::vector<Entry> entries;
    for (std::uint64_t i = 1; i <= log_entries % 8u; ++i) {
      entries.push_back({.term = Term{1 + i / 3}, .index = Index{i}});
    }
    Restored restored{.hard_state = {.term = Term{3}}, .entries = entries};
    for (std::uint16_t id = 1; id <= 1 + flags % 4; ++id) {
      restored.snapshot.conf.voters.insert(NodeId{id});
    }
    raft_.emplace(config, restored, Prng{flags}, now_);
    follow_up();
  }

  void step(std::span<const std::byte> bytes) {
    std::vector<Entry> entries;
    Message message;
    if (decode(bytes, entries, message) != DecodeResult::kOk) return;
    if (message.from == kSelf) message.from = NodeId{2};
    (void)raft_->step(message);
    follow_up();
  }
  void pass_time() {
    now_ = now_ + milliseconds(40);
    raft_->tick(now_);
    follow_up();
  }

 private:
  void follow_up() {
    // Hostile answers can keep a leader busy for good, one Ready after another.
    for (int i = 0; i < 64 && raft_->has_ready(); ++i) take(raft_->ready());
    require(raft_->term() >= term_);
    require(raft_->log().committed() >= commit_);
    term_ = raft_->term();
    commit_ = raft_->log().committed();
  }

  void take(const Ready& ready) {
    if (ready.hard_state && ready.hard_state->vote != kNoNode) {
      const HardState& hard = *ready.hard_state;
      require(hard.term != voted_in_ || hard.vote == vote_);
      voted_in_ = hard.term;
      vote_ = hard.vote;
    }
    if (ready.snapshot != nullptr) applied_ = ready.snapshot->index;
    const std::vector<Entry> committed(ready.committed.begin(), ready.committed.end());
    std::vector<Message> own;
    for (const Message& m : ready.responses) {
      if (m.to == kSelf) own.push_back(m);
    }
    const std::optional<Message> applied = ready.applied;
    for (const Message& m : ready.messages) require(m.to != kSelf && is_node(m.to));
    for (const Entry& e : committed) {
      require(e.index == next(applied_));
      applied_ = e.index;
      if (!e.is_conf_change()) continue;
      const auto change = decode_conf_change(e.payload());
      if (change) (void)raft_->apply_conf_change(e.index, *change);
    }
    if (!is_async_) {
      raft_->advance();
      return;
    }
    for (const Message& m : own) (void)raft_->step(m);
    if (applied) (void)raft_->step(*applied);
  }

  bool is_async_;
  Nanos now_ = seconds(1);
  std::optional<Raft> raft_;
  Term term_, voted_in_;
  NodeId vote_;
  Index commit_, applied_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Target target(data[0], data[1]);
  auto rest = std::as_bytes(std::span(data, size)).subspan(2);
  while (rest.size() >= 2) {
    const std::size_t length =
        std::min<std::size_t>(load_le<std::uint16_t>(rest.data()), rest.size() - 2);
    if (length == 0) {
      target.pass_time();
    } else {
      target.step(rest.subspan(2, length));
    }
    rest = rest.subspan(2 + length);
  }
  return 0;
}
