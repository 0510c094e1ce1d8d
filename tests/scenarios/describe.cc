// The words of etcd's own printing, one function a value. Names of messages stand in a table by
// type; what etcd prints of its own log writer (MsgStorageAppend) is made up here from a batch,
// since our core hands out a batch and no message.
#include "describe.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "consensus/core/conf_change.h"

namespace ringroad::scenarios {
namespace {

// By raft::MessageType; where it has no type, there is no name.
constexpr std::array<absl::string_view, raft::kMessageTypes> kMessageNames = {
    "MsgHup",
    "",
    "MsgProp",
    "MsgApp",
    "MsgAppResp",
    "MsgVote",
    "MsgVoteResp",
    "MsgSnap",
    "MsgHeartbeat",
    "MsgHeartbeatResp",
    "MsgUnreachable",
    "MsgSnapStatus",
    "",
    "MsgTransferLeader",
    "MsgTimeoutNow",
    "MsgReadIndex",
    "MsgReadIndexResp",
    "MsgPreVote",
    "MsgPreVoteResp",
    "MsgStorageAppendResp",
    "MsgStorageApplyResp",
    "MsgForgetLeader",
    "MsgSnapshotResp"};

std::string listed(raft::NodeSet nodes) {
  return absl::StrCat(
      "[",
      absl::StrJoin(nodes, " ",
                    [](std::string* out, NodeId id) { absl::StrAppend(out, id.value); }),
      "]");
}

std::string sender(const raft::Message& m) {
  if (m.type == raft::MessageType::kStorageAppendResponse) return "AppendThread";
  if (m.type == raft::MessageType::kStorageApplyResponse) return "ApplyThread";
  return m.from == kNoNode ? "None" : absl::StrCat(absl::Hex(m.from.value));
}

std::string bracketed(std::span<const HeldEntry> entries, absl::string_view indent) {
  if (entries.empty()) return "";
  if (entries.size() == 1) return absl::StrCat(" Entries:[", describe(entries[0]), "]");
  std::string text = " Entries:[";
  for (const HeldEntry& e : entries) absl::StrAppend(&text, "\n", indent, "  ", describe(e));
  absl::StrAppend(&text, "\n", indent, "]");
  return text;
}

std::string bracketed(std::span<const HeldMessage> responses) {
  if (responses.empty()) return "";
  std::string text = " Responses:[";
  for (const HeldMessage& r : responses) absl::StrAppend(&text, "\n", describe(r, "  "));
  return text + "\n]";
}

}  // namespace

std::string quoted(absl::string_view data) {
  std::string text = "\"";
  for (const char c : data) {
    constexpr absl::string_view kNamed = "\a\b\f\n\r\t\v\\\"";
    constexpr absl::string_view kLetters = "abfnrtv\\\"";
    const std::size_t at = kNamed.find(c);
    if (at != absl::string_view::npos) {
      absl::StrAppend(&text, "\\", kLetters.substr(at, 1));
    } else if (c < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&text, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text + '"';
}

absl::string_view message_name(raft::MessageType type) {
  return kMessageNames[static_cast<std::size_t>(type)];
}

std::optional<raft::MessageType> message_type(absl::string_view name) {
  for (std::size_t i = 0; i < kMessageNames.size() && !name.empty(); ++i) {
    if (kMessageNames[i] == name) return static_cast<raft::MessageType>(i);
  }
  return std::nullopt;
}

absl::string_view role_name(raft::Role role) {
  switch (role) {
    case raft::Role::kFollower:
      return "StateFollower";
    case raft::Role::kCandidate:
      return "StateCandidate";
    case raft::Role::kLeader:
      return "StateLeader";
    case raft::Role::kPreCandidate:
      return "StatePreCandidate";
  }
  return "StateUnknown";
}

std::string describe(const HeldEntry& entry) {
  std::string text = absl::StrCat(entry.term.value, "/", entry.index.value, " ");
  if (entry.type == raft::EntryType::kNormal) {
    return absl::StrCat(text, "EntryNormal ", scenarios::quoted(entry.data));
  }
  text += entry.type == raft::EntryType::kConfChange ? "EntryConfChange" : "EntryConfChangeV2";
  const auto change = raft::decode_conf_change(entry.view().payload());
  const std::string changes = change ? raft::describe(change->changes()) : "malformed";
  if (!changes.empty()) absl::StrAppend(&text, " ", changes);
  return text;
}

std::string describe(std::span<const HeldEntry> entries) {
  std::string text;
  for (const HeldEntry& e : entries) absl::StrAppend(&text, describe(e), "\n");
  return text;
}

std::string describe(const raft::HardState& hard_state) {
  std::string text = absl::StrCat("Term:", hard_state.term.value);
  if (hard_state.vote != kNoNode) absl::StrAppend(&text, " Vote:", hard_state.vote.value);
  absl::StrAppend(&text, " Commit:", hard_state.commit.value);
  return text;
}

std::string describe(const raft::SoftState& soft_state) {
  return absl::StrCat("Lead:", soft_state.leader.value, " State:", role_name(soft_state.role));
}

std::string describe(const raft::Snapshot& snapshot) {
  const raft::ConfState& conf = snapshot.conf;
  return absl::StrCat(
      "Index:", snapshot.index.value, " Term:", snapshot.term.value,
      " ConfState:Voters:", listed(conf.voters), " VotersOutgoing:", listed(conf.voters_outgoing),
      " Learners:", listed(conf.learners), " LearnersNext:", listed(conf.learners_next),
      " AutoLeave:", conf.auto_leave ? "true" : "false");
}

std::string describe(const HeldMessage& held, absl::string_view indent) {
  const raft::Message& m = held.message;
  // The index applied up to is told by the entries.
  const bool applied = m.type == raft::MessageType::kStorageApplyResponse;
  std::string text = absl::StrCat(indent, sender(m), "->", absl::Hex(m.to.value), " ",
                                  message_name(m.type), " Term:", m.term.value,
                                  " Log:", m.log_term.value, "/", applied ? 0 : m.index.value);
  if (m.reject) absl::StrAppend(&text, " Rejected (Hint: ", m.reject_hint.value, ")");
  const raft::Index commit =
      m.type == raft::MessageType::kAppendResponse ? m.known_commit : m.commit;
  if (commit.value != 0) absl::StrAppend(&text, " Commit:", commit.value);
  if (m.type == raft::MessageType::kSnapshotResponse) {
    absl::StrAppend(&text, " Chunk:", m.chunk_offset);
  }
  if (m.snapshot.size_bytes > 0) {
    absl::StrAppend(&text, " Chunk:", m.chunk_offset, "+", m.chunk_bytes, "/",
                    m.snapshot.size_bytes);
  }
  absl::StrAppend(&text, bracketed(held.entries, indent));
  if (m.type == raft::MessageType::kSnapshot) {
    absl::StrAppend(&text, "\n", indent, "  Snapshot: ", describe(m.snapshot));
  }
  return text;
}

std::string describe(const AppendWork& work, bool with_responses) {
  const raft::HardState hard = work.hard_state.value_or(raft::HardState{});
  std::string text =
      absl::StrCat(absl::Hex(work.node.value),
                   "->AppendThread MsgStorageAppend Term:", hard.term.value, " Log:0/0");
  if (hard.commit.value != 0) absl::StrAppend(&text, " Commit:", hard.commit.value);
  if (hard.vote != kNoNode) absl::StrAppend(&text, " Vote:", hard.vote.value);
  absl::StrAppend(&text, bracketed(work.entries, ""));
  if (work.snapshot) absl::StrAppend(&text, "\n  Snapshot: ", describe(*work.snapshot));
  if (with_responses) absl::StrAppend(&text, bracketed(work.responses));
  return text;
}

std::string describe(const ApplyWork& work, bool with_responses) {
  std::string text =
      absl::StrCat(absl::Hex(work.node.value), "->ApplyThread MsgStorageApply Term:0 Log:0/0",
                   bracketed(work.entries, ""));
  if (with_responses) absl::StrAppend(&text, bracketed(std::span{&work.response, 1}));
  return text;
}

std::string describe(const HeldReady& ready, std::span<const std::string> messages) {
  std::string text;
  if (ready.soft_state) absl::StrAppend(&text, describe(*ready.soft_state), "\n");
  if (ready.hard_state) absl::StrAppend(&text, "HardState ", describe(*ready.hard_state), "\n");
  for (const raft::ReadState& read : ready.reads) {
    absl::StrAppend(&text, "ReadState Index:", read.index.value, " Context:", read.context, "\n");
  }
  if (!ready.entries.empty()) absl::StrAppend(&text, "Entries:\n", describe(ready.entries));
  for (const HeldChunk& c : ready.chunks) {
    absl::StrAppend(&text, "Chunk ", c.offset, "+", c.bytes.size(), c.is_first ? " first" : "",
                    c.is_last ? " last" : "", "\n");
  }
  if (ready.snapshot) absl::StrAppend(&text, "Snapshot ", describe(*ready.snapshot), "\n");
  if (!ready.committed.empty()) {
    absl::StrAppend(&text, "CommittedEntries:\n", describe(ready.committed));
  }
  if (!messages.empty()) {
    absl::StrAppend(&text, "Messages:\n", absl::StrJoin(messages, "\n"), "\n");
  }
  if (text.empty()) return "<empty Ready>";
  return absl::StrCat("Ready MustSync=", ready.must_sync ? "true" : "false", ":\n", text);
}

}  // namespace ringroad::scenarios
