// The layout of a snapshot's records, for writing and reading alike; the table is in snapshot.h.
// Records of keys, events and log entries are those of answers.
#pragma once

#include "consensus/machine/coder.h"
#include "consensus/machine/snapshot.h"

namespace ringroad::machine {

inline constexpr std::uint64_t kSnapshotMagic = 0x31'48'43'4d'52'52;  // "RRMCH1"
// The longest: a log entry, event or key with its fields, or a session's answers.
inline constexpr std::size_t kRecordBytesMax = kValueBytesMax + kKeyBytesMax + 128;
static_assert(kLimitsCeiling.session_window * 32 + 64 <= kRecordBytesMax);
static_assert(kPayloadBytesMax + 16 <= kRecordBytesMax);

struct LeaseItem {
  LeaseId id;
  Lease lease;
};
struct SessionItem {
  ClientId id;
  Session session;
};
struct TrailerItem {
  std::uint64_t hash = 0;
};

template <typename C, typename H>
void code(C& c, H& h)
  requires std::same_as<std::remove_const_t<H>, SnapshotHeader>
{
  c.number(h.magic);
  code_id(c, h.level);
  c.zeros(4);
  for (auto* field : fields_of(h.limits)) c.number(*field);
  code_id(c, h.applied);
  code_nanos(c, h.clock);
  code_id(c, h.revision);
  code_id(c, h.compacted);
  code_id(c, h.log_first);
  for (auto& count : h.counts) c.number(count);
}

template <typename C, typename L>
void code(C& c, L& l)
  requires std::same_as<std::remove_const_t<L>, LeaseItem>
{
  code_id(c, l.id);
  code_nanos(c, l.lease.time_to_live);
  code_nanos(c, l.lease.expires_at);
}

template <typename C, typename N, typename A>
void code_remembered(C& c, N& number, A& answer) {
  code_id(c, number);
  code_enum(c, answer.status, kStatuses);
  code_flag(c, answer.more);
  c.zeros(2);
  c.number(answer.count);
  code_id(c, answer.revision);
  c.number(answer.value);
}

// Calls `with` for each answer that the session remembers, in the order of their numbers.
template <typename With>
void for_each_remembered(const Session& session, With with) {
  if (session.highest <= session.answered) return;
  const std::uint64_t span = session.highest.value - session.answered.value;
  for (std::uint64_t i = 1; i <= span; ++i) {
    const RequestNumber number{session.answered.value + i};
    if (const Answer* answer = session.find(number)) with(number, *answer);
  }
}

template <typename C, typename S>
void code(C& c, S& s)
  requires std::same_as<std::remove_const_t<S>, SessionItem>
{
  auto& session = s.session;
  code_id(c, s.id);
  code_nanos(c, session.time_to_live);
  code_nanos(c, session.expires_at);
  code_id(c, session.answered);
  code_id(c, session.highest);
  std::uint32_t count = 0;
  if constexpr (!C::kReads) for_each_remembered(session, [&](auto, auto&) { ++count; });
  c.number(count);
  c.zeros(4);
  if constexpr (C::kReads) {
    RequestNumber before = session.answered;
    const std::uint64_t window = kLimitsCeiling.session_window;
    c.require(count <= window);
    for (std::uint32_t i = 0; i < count && c.wrong() == Wrong::kNothing; ++i) {
      RequestNumber number;
      Answer answer;
      code_remembered(c, number, answer);
      c.require(number > before && number <= session.highest &&
                number.value - session.answered.value <= window);
      if (c.wrong() == Wrong::kNothing) session.remember(number, answer);
      before = number;
    }
  } else {
    for_each_remembered(session, [&](const RequestNumber& number, const Answer& answer) {
      code_remembered(c, number, answer);
    });
  }
}

template <typename C, typename T>
void code(C& c, T& t)
  requires std::same_as<std::remove_const_t<T>, TrailerItem>
{
  c.number(t.hash);
}

}  // namespace ringroad::machine
