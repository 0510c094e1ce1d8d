#include "dataplane/client/registry.h"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "dataplane/core/local_service.h"

using namespace ringroad;
using ringroad::host::RegistryReplyHeader;
using ringroad::host::RegistryRequestHeader;

namespace {

constexpr Nanos kSessionTime = seconds(60);
// Without an answer by then, the node is asked again: it may have been restarted.
constexpr std::int64_t kAgainNs = 1'000'000'000;

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t deadline_of(std::uint32_t timeout_ms) {
  return now_ns() + std::int64_t{timeout_ms} * 1'000'000;
}

dist_registry_error_t error_of(machine::Status status) {
  switch (status) {
    case machine::Status::kOk:
      return DIST_REGISTRY_OK;
    case machine::Status::kNotFound:
      return DIST_REGISTRY_NOT_FOUND;
    case machine::Status::kCompareFailed:
      return DIST_REGISTRY_COMPARE_FAILED;
    case machine::Status::kCompacted:
      return DIST_REGISTRY_COMPACTED;
    case machine::Status::kLeaseUnknown:
      return DIST_REGISTRY_LEASE_UNKNOWN;
    case machine::Status::kSessionUnknown:
    case machine::Status::kAlreadyAnswered:
      return DIST_REGISTRY_SESSION_UNKNOWN;
    case machine::Status::kTooLarge:
      return DIST_REGISTRY_TOO_LARGE;
    case machine::Status::kTooFarAhead:
    case machine::Status::kNoRoom:
      return DIST_REGISTRY_NO_ROOM;
    case machine::Status::kUnsupported:
      return DIST_REGISTRY_UNSUPPORTED;
    case machine::Status::kHalted:
      return DIST_REGISTRY_STOPPED;
    case machine::Status::kBadRequest:
    case machine::Status::kStale:
      return DIST_REGISTRY_BAD_REQUEST;
  }
  return DIST_REGISTRY_BAD_REQUEST;
}

// In the order of consensus::RequestOutcome.
constexpr dist_registry_error_t kOutcomes[] = {DIST_REGISTRY_OK,        DIST_REGISTRY_NO_LEADER,
                                               DIST_REGISTRY_NO_QUORUM, DIST_REGISTRY_LOG_FULL,
                                               DIST_REGISTRY_TIMED_OUT, DIST_REGISTRY_NOT_MEMBER,
                                               DIST_REGISTRY_STOPPED,   DIST_REGISTRY_TOO_LARGE};

dist_registry_error_t error_of_outcome(std::uint8_t outcome) {
  return outcome < std::size(kOutcomes) ? kOutcomes[outcome] : DIST_REGISTRY_BAD_REQUEST;
}

}  // namespace

dist_registry::Told dist_registry::write(machine::Request request, std::uint32_t timeout_ms) {
  const std::int64_t deadline = deadline_of(timeout_ms);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (session_ == 0) {
      const dist_registry_error_t error = open_session(deadline);
      if (error != DIST_REGISTRY_OK) return {error, machine::AnswerReader{{}}};
    }
    request.session = machine::ClientId{session_};
    request.answered = machine::RequestNumber{number_};
    request.number = machine::RequestNumber{++number_};
    Told told = ask(request, 0, false, deadline);
    // A session that expired while it was idle: this write was not done under it.
    if (told.error != DIST_REGISTRY_SESSION_UNKNOWN || attempt > 0 || was_repeated_) return told;
    session_ = 0;
  }
  return {DIST_REGISTRY_SESSION_UNKNOWN, machine::AnswerReader{{}}};
}

dist_registry::Told dist_registry::read(const machine::Request& request, std::uint8_t consistency,
                                        bool waits, std::uint32_t timeout_ms) {
  return ask(request, consistency, waits, deadline_of(timeout_ms));
}

dist_registry_error_t dist_registry::open_session(std::int64_t deadline_ns) {
  const Told told =
      ask({.kind = machine::Kind::kOpenSession, .time = kSessionTime}, 0, false, deadline_ns);
  if (told.error != DIST_REGISTRY_OK) return told.error;
  session_ = told.reader.answer().value;
  number_ = 0;
  return DIST_REGISTRY_OK;
}

dist_registry::Told dist_registry::ask(const machine::Request& request, std::uint8_t consistency,
                                       bool waits, std::int64_t deadline_ns) {
  std::vector<std::byte> bytes(machine::encoded_bytes(request));
  machine::encode(request, bytes);
  const dist_registry_error_t error =
      ask({.consistency = consistency, .waits = waits, .bytes = bytes}, deadline_ns);
  if (error != DIST_REGISTRY_OK) return {error, machine::AnswerReader{{}}};
  const std::span<const std::byte> reply(reply_);
  machine::AnswerReader reader(reply.subspan(sizeof(RegistryReplyHeader)));
  if (!reader.is_good()) return {DIST_REGISTRY_BAD_REQUEST, reader};
  return {error_of(reader.answer().status), reader};
}

// Again and again, under the same number, until somebody answers or the time is over.
dist_registry_error_t dist_registry::ask(const Question& question, std::int64_t deadline_ns) {
  was_repeated_ = false;
  for (;;) {
    dist_registry_error_t error = send(question, deadline_ns);
    if (error == DIST_REGISTRY_OK) {
      // With patience of its own, the node answers by the deadline; a little later for the way.
      const std::int64_t grace = 100'000'000;
      error = await(std::min(deadline_ns + grace, now_ns() + kAgainNs + grace));
    }
    if (error == DIST_REGISTRY_OK) {
      RegistryReplyHeader header;
      std::memcpy(&header, reply_.data(), sizeof header);
      error = error_of_outcome(header.outcome);
      // What was lost with a leader is asked for again; all that is asked here is done once.
      const bool may_come = error == DIST_REGISTRY_TIMED_OUT || error == DIST_REGISTRY_NO_LEADER;
      if (!may_come || now_ns() >= deadline_ns) return error;
    }
    if (error == DIST_REGISTRY_DISCONNECTED && now_ns() < deadline_ns) {
      const timespec pause{0, 20'000'000};
      nanosleep(&pause, nullptr);
      (void)dist_net_reconnect(context_);
    } else if ((error != DIST_REGISTRY_TIMED_OUT && error != DIST_REGISTRY_NO_LEADER) ||
               now_ns() >= deadline_ns) {
      return error;
    }
    was_repeated_ = true;
  }
}

dist_registry_error_t dist_registry::send(const Question& question, std::int64_t deadline_ns) {
  const std::int64_t left_ms = std::max<std::int64_t>(0, deadline_ns - now_ns()) / 1'000'000;
  // A question that is repeated must not pile up in the node; one that waits may take all its time.
  const std::int64_t patience_ms =
      question.waits ? left_ms : std::min<std::int64_t>(left_ms, kAgainNs / 1'000'000);
  const RegistryRequestHeader header{.token = ++token_,
                                     .version = host::kRegistryVersion,
                                     .verb = question.verb,
                                     .consistency = question.consistency,
                                     .waits = static_cast<std::uint8_t>(question.waits ? 1 : 0),
                                     .patience_ms = static_cast<std::uint32_t>(patience_ms)};
  question_.resize(sizeof header + question.bytes.size());
  std::memcpy(question_.data(), &header, sizeof header);
  std::ranges::copy(question.bytes, question_.begin() + sizeof header);
  dist_net_node_info_t info;
  if (dist_net_get_node_info(context_, &info) != DIST_NET_SUCCESS) {
    return DIST_REGISTRY_DISCONNECTED;
  }
  for (;;) {
    dist_net_outgoing_t message{.node = info.node_id,
                                .type = kRegistryRequest.value,
                                .priority = DIST_NET_PRIORITY_HIGH,
                                .flags = DIST_NET_WANT_OUTCOME,
                                .token = token_,
                                .payload = question_.data(),
                                .size = question_.size(),
                                .accepted = 0};
    if (dist_net_send(context_, &message, 1) == 1) return DIST_REGISTRY_OK;
    switch (dist_net_error_details().error) {
      case DIST_NET_WOULD_BLOCK:
        if (now_ns() >= deadline_ns) return DIST_REGISTRY_LOG_FULL;
        (void)dist_net_wait(context_, 1'000);
        break;
      case DIST_NET_TOO_LARGE:
        return DIST_REGISTRY_TOO_LARGE;
      case DIST_NET_DISCONNECTED:
      case DIST_NET_NOT_STARTED:
        return DIST_REGISTRY_DISCONNECTED;
      default:
        return DIST_REGISTRY_BAD_REQUEST;
    }
  }
}

// The reply to the last question. Replies to earlier ones, which were given up, are thrown away.
bool dist_registry::take_reply() {
  dist_net_message_t messages[16];
  for (;;) {
    const std::int32_t count = dist_net_receive(context_, messages, 16);
    if (count <= 0) return false;
    bool is_here = false;
    for (std::int32_t i = 0; i < count; ++i) {
      const dist_net_message_t& m = messages[i];
      RegistryReplyHeader header;
      if (m.type != kRegistryReply.value || m.size < sizeof header) continue;
      std::memcpy(&header, m.payload, sizeof header);
      if (header.token != token_ || header.version != host::kRegistryVersion) continue;
      const auto* bytes = static_cast<const std::byte*>(m.payload);
      reply_.assign(bytes, bytes + m.size);
      is_here = true;
    }
    dist_net_release(context_, messages, static_cast<std::uint32_t>(count));
    if (is_here) return true;
  }
}

dist_registry_error_t dist_registry::await(std::int64_t deadline_ns) {
  for (;;) {
    if (take_reply()) return DIST_REGISTRY_OK;
    dist_net_outcome_report_t report;
    while (dist_net_poll_outcomes(context_, &report, 1) == 1) {
      if (report.token != token_) continue;
      if (report.outcome == DIST_NET_NO_RECEIVER) return DIST_REGISTRY_NO_CONSENSUS;
    }
    const std::int64_t left_us = (deadline_ns - now_ns()) / 1'000;
    if (left_us <= 0) return DIST_REGISTRY_TIMED_OUT;
    const dist_net_error_t error = dist_net_wait(context_, left_us);
    if (error == DIST_NET_DISCONNECTED || error == DIST_NET_NOT_STARTED) {
      return DIST_REGISTRY_DISCONNECTED;
    }
  }
}

dist_registry_error_t dist_registry::status(std::uint32_t timeout_ms,
                                            dist_consensus_status_t& status) {
  const dist_registry_error_t error =
      ask({.verb = host::RegistryVerb::kStatus}, deadline_of(timeout_ms));
  if (error != DIST_REGISTRY_OK) return error;
  host::ConsensusReport report;
  if (reply_.size() < sizeof(RegistryReplyHeader) + sizeof report) {
    return DIST_REGISTRY_BAD_REQUEST;
  }
  std::memcpy(&report, reply_.data() + sizeof(RegistryReplyHeader), sizeof report);
  status = {};
  status.node = report.node;
  status.leader = report.leader;
  status.role = static_cast<dist_consensus_role_t>(report.role);
  status.term = report.term;
  status.commit = report.commit;
  status.applied = report.applied;
  status.first = report.first;
  status.last = report.last;
  status.durable = report.stable;
  status.snapshot = report.snapshot;
  status.voters = report.voters;
  status.learners = report.learners;
  status.is_joint = report.is_joint != 0;
  status.wants_room = report.wants_room != 0;
  status.zone_rule_degraded = report.zone_rule_degraded != 0;
  status.elections_won = report.elections_won;
  status.entries_applied = report.entries_applied;
  status.reads = report.reads;
  status.snapshots_made = report.snapshots_made;
  status.snapshots_installed = report.snapshots_installed;
  status.requests_waiting = report.requests_waiting;
  status.answered = report.answers[0];
  status.no_leader = report.answers[1];
  status.no_quorum = report.answers[2];
  status.log_full = report.answers[3];
  status.timed_out = report.answers[4];
  status.revision = report.revision;
  status.log_position = report.log_position;
  status.keys = report.keys;
  status.leases = report.leases;
  status.sessions = report.sessions;
  for (std::size_t i = 0; i < std::size(report.members); ++i) {
    status.match[i] = report.members[i].match;
    status.is_active[i] = report.members[i].is_active != 0;
  }
  std::memcpy(status.stopped, report.stopped, sizeof status.stopped);
  status.stopped[sizeof status.stopped - 1] = '\0';
  return DIST_REGISTRY_OK;
}

dist_registry_error_t dist_registry::change(dist_consensus_change_t change, raft_node_id_t node,
                                            std::uint32_t timeout_ms) {
  const host::MembershipRequest request{.verb = static_cast<host::MembershipVerb>(change),
                                        .zero = 0,
                                        .node = static_cast<std::uint16_t>(node)};
  const dist_registry_error_t error =
      ask({.verb = host::RegistryVerb::kChange, .bytes = std::as_bytes(std::span(&request, 1))},
          deadline_of(timeout_ms));
  if (error != DIST_REGISTRY_OK) return error;
  RegistryReplyHeader header;
  std::memcpy(&header, reply_.data(), sizeof header);
  constexpr std::uint8_t kNoLeader = 1, kNotMember = 2, kMalformed = 8;  // raft::StepResult
  switch (header.refusal) {
    case 0:
      return DIST_REGISTRY_OK;
    case kNoLeader:
      return DIST_REGISTRY_NO_LEADER;
    case kNotMember:
      return DIST_REGISTRY_NOT_MEMBER;
    case kMalformed:
      return DIST_REGISTRY_BAD_REQUEST;
    default:
      return DIST_REGISTRY_LOG_FULL;
  }
}
