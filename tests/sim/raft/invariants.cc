// The rules themselves, each where the event comes in that could break it. World owns the one
// object and asks it after every event; the first failure stays. It sees all nodes and their disks
// and changes nothing of them. Invariant: what is known to be committed, elected or voted never
// changes here, whatever restarts. Whether clients were told the truth is not decided here.
#include "tests/sim/raft/invariants.h"

#include <algorithm>

#include "tests/sim/raft/machine.h"
#include "tests/sim/raft/records.h"

namespace ringroad::raft::sim {

namespace {

// Terms and indexes of a run stay far below 2^32.
std::uint64_t key_of(std::uint64_t a, std::uint64_t b) { return (a << 32) | b; }

std::string number(std::uint64_t n) { return std::to_string(n); }

}  // namespace

std::uint32_t zones_of(const Config& config, NodeSet nodes) {
  std::array<bool, 256> seen{};
  std::uint32_t count = 0;
  for (const NodeId id : nodes) {
    const Zone zone = config.zones[id.value];
    if (zone == kNoZone || seen[zone.value]) continue;
    seen[zone.value] = true;
    ++count;
  }
  return count;
}

std::string to_string(EntryId id) {
  return "entry " + number(id.index.value) + " of term " + number(id.term.value);
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
    case Role::kPreCandidate:
      return "pre-candidate";
  }
  return "?";
}

bool Invariants::DurableLog::contains(EntryId id) const {
  if (id.index <= std::max(snapshot.index, base.index)) return true;
  return id.index <= last() && terms[id.index.value - base.index.value - 1] == id.term;
}

void Invariants::fail(NodeId node, const std::string& what) {
  if (!failure_.empty()) return;
  failure_ = what + " (node " + number(node.value) + ", at " +
             number(static_cast<std::uint64_t>(scheduler_.now().count) / 1'000) + " us)";
}

void Invariants::on_start(NodeId node, const Raft& raft) {
  Seen& seen = seen_[node.value];
  const DurableLog& disk = durable_[node.value];
  if (raft.term() < disk.hard_state.term) fail(node, "restart: the term went back");
  if (raft.log().committed() < std::max(disk.hard_state.commit, disk.snapshot.index)) {
    fail(node, "restart: commit is below what the disk held");
  }
  // What was not flushed of it is found again; who led before does not.
  seen = {Role::kFollower, raft.term(), std::min(seen.commit, raft.log().committed()), false};
  observe(node, raft);
}

void Invariants::observe(NodeId node, const Raft& raft) {
  Seen& seen = seen_[node.value];
  if (raft.term() < seen.term) fail(node, "the term went back");
  const bool campaigns_anew = raft.role() == Role::kCandidate && raft.term() != seen.term;
  if (campaigns_anew && config_.pre_vote && seen.role != Role::kPreCandidate &&
      !seen.may_campaign) {
    fail(node,
         "pre-vote: it campaigns in term " + number(raft.term().value) + " without having asked");
  }
  const bool leads_anew =
      raft.role() == Role::kLeader && (seen.role != Role::kLeader || seen.term != raft.term());
  if (leads_anew) on_leader(node, raft);
  const Index commit = raft.log().committed();
  if (commit < seen.commit) fail(node, "commit went back");
  if (commit > seen.commit) on_commit(node, raft, seen.commit);
  const bool may_campaign = seen.may_campaign && seen.term == raft.term();
  seen = {raft.role(), raft.term(), commit, may_campaign};
}

void Invariants::on_leader(NodeId node, const Raft& raft) {
  ++elections_;
  last_led_ = std::max(last_led_, raft.term());
  if (durable_[node.value].hard_state.term < raft.term()) {
    fail(node, "durability: the leader of term " + number(raft.term().value) +
                   " does not have that term on its disk");
  }
  const auto [place, is_new] = leaders_.emplace(raft.term().value, node);
  if (!is_new && place->second != node) {
    fail(node, "election safety: a second leader of term " + number(raft.term().value) +
                   ", besides node " + number(place->second.value));
  }
  for (std::uint64_t i = raft.log().compacted().value; i < committed_.size(); ++i) {
    const Committed& c = committed_[i];
    if (c.when >= raft.term()) continue;
    const EntryId id{c.term, Index{i + 1}};
    if (!raft.log().matches(id)) {
      fail(node, "leader completeness: the leader of term " + number(raft.term().value) +
                     " lacks committed " + to_string(id));
      return;
    }
  }
}

void Invariants::on_commit(NodeId node, const Raft& raft, Index before) {
  const Log& log = raft.log();
  const Index commit = log.committed();
  const bool counts = raft.role() == Role::kLeader && seen_[node.value].role == Role::kLeader &&
                      seen_[node.value].term == raft.term();
  if (counts && log.term(commit) != raft.term()) {
    fail(node, "commit: an entry of an earlier term was committed by counting");
  }
  if (commit > log.last_index()) {
    fail(node, "commit is beyond the log");
    return;
  }
  for (Index i = std::max(next(before), next(log.compacted())); i <= commit; i = next(i)) {
    const Term term = *log.term(i);
    if (i.value <= committed_.size()) {
      if (committed_[i.value - 1].term != term) {
        fail(node, "state machine safety: committed " + to_string({term, i}) + ", another has " +
                       to_string({committed_[i.value - 1].term, i}));
        return;
      }
      continue;
    }
    if (i.value != committed_.size() + 1) {
      fail(node, "commit: nobody has committed what is before " + to_string({term, i}));
      return;
    }
    committed_.push_back({term, raft.term()});
    check_quorum_has(node, raft, {term, i});
  }
}

// By the configuration of whoever is first seen to have it committed: that is its leader.
void Invariants::check_quorum_has(NodeId node, const Raft& raft, EntryId id) {
  if (raft.role() != Role::kLeader) return;
  NodeSet holders;
  const Configuration& configuration = raft.tracker().configuration();
  for (const NodeId voter : configuration.all_voters()) {
    if (durable_[voter.value].contains(id)) holders.insert(voter);
  }
  for (const NodeSet voters : {configuration.voters, configuration.outgoing}) {
    if (voters.empty()) continue;
    if ((holders & voters).count() < majority_of(voters.count())) {
      fail(node, "durability: committed " + to_string(id) + " is on the disks of " +
                     describe(holders & voters) + " only, of " + describe(voters));
    }
    check_zones(node, raft, id, voters, holders & voters);
  }
}

void Invariants::check_zones(NodeId node, const Raft& raft, EntryId id, NodeSet voters,
                             NodeSet holders) {
  if (zones_of(config_, voters) < 2) return;
  if (raft.status().zone_rule_degraded) {
    tally_.add(Fault::kZoneRuleDegraded);
    if (config_.zone_loss != ZoneLossPolicy::kDegrade) {
      fail(node, "zones: the rule is degraded, though it should wait");
    }
    return;
  }
  if (zones_of(config_, holders) >= 2) return;
  fail(node, "zones: committed " + to_string(id) + " is on the disks of " + describe(holders) +
                 " only, in one zone, of " + describe(voters));
}

void Invariants::on_lease(NodeId node, Term term) {
  if (last_led_ <= term) return;
  fail(node, "lease: held by the leader of term " + number(term.value) +
                 " while another led term " + number(last_led_.value));
}

void Invariants::on_change(NodeId node, const Entry& entry, const Raft& raft) {
  if (raft.role() != Role::kLeader || entry.term != raft.term()) return;
  const Index first = std::max(next(raft.log().applied()), raft.log().first_index());
  for (Index i = first; i < entry.index; i = next(i)) {
    if (!raft.log().range(i, 1)[0].is_conf_change()) continue;
    fail(node, "membership: a change at " + number(entry.index.value) + " begins before that at " +
                   number(i.value) + " is applied");
    return;
  }
}

void Invariants::on_entries(NodeId node, std::span<const Entry> entries, const Raft& raft) {
  for (const Entry& e : entries) {
    if (e.is_conf_change()) on_change(node, e, raft);
    const std::optional<Term> before = raft.log().term(previous(e.index));
    if (!before) continue;
    const Named named{*before, hash_of(e)};
    const auto [place, is_new] = entries_.emplace(key_of(e.term.value, e.index.value), named);
    if (!is_new && (place->second.before != named.before || place->second.hash != named.hash)) {
      fail(node, "log matching: " + to_string({e.term, e.index}) + " is not what it was elsewhere");
    }
  }
}

bool Invariants::on_apply(NodeId node, const Entry& e, std::uint64_t digest) {
  if (e.index.value > committed_.size() || committed_[e.index.value - 1].term != e.term) {
    fail(node,
         "state machine safety: applied what is not committed: " + to_string({e.term, e.index}));
    return false;
  }
  return check_applied(node, e.index, digest);
}

void Invariants::on_machine_loaded(NodeId node, Index index, std::uint64_t digest) {
  (void)check_applied(node, index, digest);
}

bool Invariants::check_applied(NodeId node, Index index, std::uint64_t digest) {
  if (digests_.size() < index.value) digests_.resize(index.value);
  std::uint64_t& known = digests_[index.value - 1];
  const bool is_first = known == 0;
  if (is_first) known = digest;
  if (known != digest) {
    fail(node, "state machine safety: machines differ at index " + number(index.value));
  }
  return is_first;
}

void Invariants::on_vote(NodeId node, const Message& m) {
  const auto [place, is_new] = votes_.emplace(key_of(m.term.value, node.value), m.to);
  if (!is_new && place->second != m.to) {
    fail(node, "election safety: a second vote in term " + number(m.term.value) + ", for node " +
                   number(m.to.value) + " after node " + number(place->second.value));
  }
  const HardState& disk = durable_[node.value].hard_state;
  if (disk.term < m.term || (disk.term == m.term && disk.vote != m.to)) {
    fail(node, "durability: a vote in term " + number(m.term.value) + " is not on its disk");
  }
}

void Invariants::on_send(NodeId node, const Message& m) {
  if (m.reject) return;
  const DurableLog& disk = durable_[node.value];
  if (m.type == MessageType::kVoteResponse) on_vote(node, m);
  if (m.type != MessageType::kAppendResponse) return;
  if (disk.hard_state.term < m.term) {
    fail(node, "durability: an append is answered in a term that is not on the disk");
  }
  // An answer of an earlier term may have been held up: what it spoke of was there.
  if (disk.hard_state.term == m.term && std::max(disk.last(), disk.snapshot.index) < m.index) {
    fail(node, "durability: an append is answered up to " + number(m.index.value) +
                   ", the disk has " + number(disk.last().value));
  }
}

void Invariants::on_receive(NodeId node, const Message& m) {
  if (m.type == MessageType::kTimeoutNow) seen_[node.value].may_campaign = true;
}

void Invariants::on_durable(NodeId node, const Disk& disk) {
  DurableLog& known = durable_[node.value];
  const Disk::Durable log = disk.durable("log");
  if (log.inode != known.inode) {
    known.inode = log.inode;
    known.parsed_bytes = 0;
    known.terms.clear();
    const auto snapshot = read_snapshot_file(disk.durable("snapshot").bytes);
    if (snapshot) known.snapshot = snapshot->last();
  }
  LogScan scan(log.bytes, known.parsed_bytes);
  while (scan.next()) {
    known.parsed_bytes = scan.at();
    if (scan.is_base()) {
      known.base = scan.base().id;
      continue;
    }
    if (scan.batch().hard_state) known.hard_state = *scan.batch().hard_state;
    for (const Entry& e : scan.batch().entries) {
      known.terms.resize(e.index.value - known.base.index.value - 1);
      known.terms.push_back(e.term);
    }
  }
}

}  // namespace ringroad::raft::sim
