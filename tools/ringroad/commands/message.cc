// send, listen: messages from and to this terminal, as a program of the node. The control process
// only says where the node's socket is; the messages go through libringroad like any program's, and
// an outcome is waited for before a command says how its message ended.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <limits>

#include "absl/strings/escaping.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/attachment.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/units.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr std::size_t kInputBytesMax = 16 * 1024 * 1024;
constexpr std::int64_t kTurnMicroseconds = 50'000;  // between two looks at ctrl-C

absl::StatusOr<std::uint32_t> type_of(const std::string& text) {
  std::uint32_t type = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), type);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return absl::InvalidArgumentError(cat("TYPE: \"", printable(text),
                                          "\" is not a message type, a number from 0 to ",
                                          std::numeric_limits<std::uint32_t>::max()));
  }
  return type;
}

absl::StatusOr<std::string> read_input(Session& session) {
  std::string input;
  std::array<char, 64 * 1024> bytes;
  for (;;) {
    const auto wake = session.interrupts.wait(STDIN_FILENO, POLLIN, kForever);
    if (wake == Interrupts::Wake::kStopped) return absl::CancelledError("interrupted");
    const ssize_t n = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n == 0) return input;
    if (n < 0) return absl::InternalError("standard input cannot be read");
    input.append(bytes.data(), static_cast<std::size_t>(n));
    if (input.size() > kInputBytesMax) {
      return absl::InvalidArgumentError("standard input: larger than the largest message, 16 MiB");
    }
  }
}

// Hands the message over, waiting for room.
absl::Status hand_over(Session& session, dist_net_context_t* context, dist_net_outgoing_t& message,
                       Deadline deadline) {
  for (;;) {
    if (dist_net_send(context, &message, 1) == 1) return absl::OkStatus();
    const auto error = dist_net_error_details().error;
    const absl::Status status = status_of(error);
    if (error != DIST_NET_WOULD_BLOCK) return status;
    if (Clock::now() >= deadline) return absl::DeadlineExceededError(status.message());
    if (session.interrupts.stop_signal() != 0) return absl::CancelledError("interrupted");
    dist_net_wait(context, kTurnMicroseconds);
  }
}

absl::StatusOr<dist_net_outcome_report_t> wait_for_outcome(Session& session,
                                                           dist_net_context_t* context,
                                                           Deadline deadline) {
  for (;;) {
    dist_net_outcome_report_t report{};
    const std::int32_t count = dist_net_poll_outcomes(context, &report, 1);
    if (count < 0) return status_of(static_cast<dist_net_error_t>(count));
    if (count == 1) return report;
    if (session.interrupts.stop_signal() != 0) return absl::CancelledError("interrupted");
    if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError("sent, and nothing was heard of it in time");
    }
    dist_net_wait(context, kTurnMicroseconds);
  }
}

const char* outcome_text(dist_net_outcome_t outcome) {
  switch (outcome) {
    case DIST_NET_DELIVERED:
      return "delivered";
    case DIST_NET_NOT_SENT:
      return "not sent";
    case DIST_NET_NO_RECEIVER:
      return "no receiver";
    case DIST_NET_UNKNOWN:
      return "unknown";
  }
  return "unknown";
}

ExitCode exit_code_of_outcome(const dist_net_outcome_report_t& report) {
  if (report.outcome == DIST_NET_DELIVERED) return ExitCode::kOk;
  if (report.outcome != DIST_NET_NOT_SENT) return ExitCode::kFailed;
  if (report.error == DIST_NET_NO_SUCH_NODE) return ExitCode::kNotFound;
  return report.error == DIST_NET_NOT_CONNECTED ? ExitCode::kUnreachable : ExitCode::kFailed;
}

std::string explanation(const dist_net_outcome_report_t& report) {
  switch (report.outcome) {
    case DIST_NET_NO_RECEIVER:
      return "; nothing there is bound to its type; mend: ringroad listen TYPE, over there";
    case DIST_NET_NOT_SENT:
      return report.error == DIST_NET_SUCCESS ? ""
                                              : cat("; ", dist_net_strerror(report.error),
                                                    "; next: ringroad link show ", report.node);
    case DIST_NET_UNKNOWN:
      return "; the link died with it in flight: delivered once, or not at all";
    default:
      return "";
  }
}

absl::StatusOr<ExitCode> send(Session& session, const Given& given) {
  const auto node = node_id_of("NODE", given.text("NODE"));
  if (!node.ok()) return node.status();
  const auto type = type_of(given.text("TYPE"));
  if (!type.ok()) return type.status();
  const auto priority = given.whole("--priority", 1, 7, DIST_NET_PRIORITY_NORMAL);
  if (!priority.ok()) return priority.status();
  std::string payload = given.text("TEXT");
  if (payload == "-") {
    auto input = read_input(session);
    if (!input.ok()) return input.status();
    payload = *std::move(input);
  }
  const auto attachment = attach(session);
  if (!attachment.ok()) return attachment.status();
  dist_net_outgoing_t message{};
  message.node = *node;
  message.type = *type;
  message.priority = static_cast<std::uint32_t>(*priority);
  message.flags = DIST_NET_WANT_OUTCOME;
  message.payload = payload.data();
  message.size = payload.size();
  const auto begin = Clock::now();
  const auto deadline = deadline_in(session.timeout());
  const auto status = hand_over(session, attachment->get(), message, deadline);
  if (!status.ok()) return status;
  const auto report = wait_for_outcome(session, attachment->get(), deadline);
  if (!report.ok()) return report.status();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const char* outcome = outcome_text(report->outcome);
  if (session.is_json()) {
    session.print_json({{"schema_version", 1},
                        {"node_id", *node},
                        {"type", *type},
                        {"bytes", payload.size()},
                        {"outcome", outcome},
                        {"seconds", seconds}});
  } else {
    session.out.write(cat(outcome, ": ", payload.size(), " B to node ", *node, ", type ", *type,
                          report->outcome == DIST_NET_DELIVERED ? ", in " : "",
                          report->outcome == DIST_NET_DELIVERED ? latency_text(seconds) : "",
                          explanation(*report), "\n"));
  }
  return exit_code_of_outcome(*report);
}

// ---- listen ------------------------------------------------------------------------------------

absl::Status bind_types(dist_net_context_t* context, const std::vector<std::string>& types) {
  if (types.empty()) return status_of(dist_net_bind(context, 0, DIST_NET_BIND_CATCH_ALL));
  for (const std::string& text : types) {
    const auto type = type_of(text);
    if (!type.ok()) return type.status();
    const auto error = dist_net_bind(context, *type, DIST_NET_BIND_SHARED);
    if (error != DIST_NET_SUCCESS) return status_of(error);
  }
  return absl::OkStatus();
}

std::string message_line(const dist_net_message_t& message, bool is_json, bool is_hex) {
  const std::string_view payload{static_cast<const char*>(message.payload), message.size};
  const std::string hex = absl::BytesToHexString(fabric::to_absl(payload));
  if (is_json) {
    const json line = {{"schema_version", 1},       {"node_id", message.from},
                       {"type", message.type},      {"priority", message.priority},
                       {"bytes", message.size},     {"hex", hex},
                       {"text", printable(payload)}};
    return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  return cat("node ", message.from, "  type ", message.type, "  ", message.size, " B  ",
             is_hex ? hex : printable(payload), "\n");
}

struct ListenPlan {
  std::uint64_t count = 0;  // 0: any number
  Deadline deadline = kForever;
  bool is_hex = false;
};

absl::StatusOr<ListenPlan> listen_plan(const Session& session, const Given& given) {
  const auto count = given.whole("--count", 0, 1'000'000'000'000, 0);
  if (!count.ok()) return count.status();
  const auto seconds = given.seconds("--for", 0.001, 1e9, 1e9);
  if (!seconds.ok()) return seconds.status();
  Deadline deadline = kForever;
  if (given.has("--for")) {
    deadline = deadline_in(*seconds);
  } else if (session.settings.timeout_seconds) {
    deadline = deadline_in(*session.settings.timeout_seconds);
  }
  return ListenPlan{*count, deadline, given.text("--as") == "hex"};
}

// How many messages came; ends by the plan, a signal, or a reader that left.
absl::StatusOr<std::uint64_t> receive(Session& session, dist_net_context_t* context,
                                      const ListenPlan& plan) {
  std::array<dist_net_message_t, 64> messages;
  std::uint64_t received = 0;
  while (!session.out.is_closed() && session.interrupts.stop_signal() == 0) {
    std::uint64_t room = messages.size();
    if (plan.count != 0) room = std::min<std::uint64_t>(room, plan.count - received);
    const auto count = dist_net_receive(context, messages.data(), static_cast<std::uint32_t>(room));
    if (count < 0) return status_of(static_cast<dist_net_error_t>(count));
    std::string lines;
    for (std::int32_t i = 0; i < count; ++i) {
      lines += message_line(messages[static_cast<std::size_t>(i)], session.is_json(), plan.is_hex);
    }
    dist_net_release(context, messages.data(), static_cast<std::uint32_t>(count));
    session.out.write(lines);
    received += static_cast<std::uint64_t>(count);
    if ((plan.count != 0 && received == plan.count) || Clock::now() >= plan.deadline) break;
    if (count == 0) dist_net_wait(context, kTurnMicroseconds);
  }
  return received;
}

absl::StatusOr<ExitCode> listen(Session& session, const Given& given) {
  const auto plan = listen_plan(session, given);
  if (!plan.ok()) return plan.status();
  const auto attachment = attach(session);
  if (!attachment.ok()) return attachment.status();
  const auto& types = given.all("TYPE");
  if (auto status = bind_types(attachment->get(), types); !status.ok()) return status;
  dist_net_node_info_t info{};
  dist_net_get_node_info(attachment->get(), &info);
  session.tell(cat("listens on node ", info.node_id, " to ",
                   types.empty()
                       ? "every type nobody else takes"
                       : cat(types.size() == 1 ? "type " : "types ", fabric::join(types, ", ")),
                   "; ctrl-C ends it"));
  const auto received = receive(session, attachment->get(), *plan);
  session.interrupts.clear();
  if (!received.ok()) return received.status();
  const bool is_late = Clock::now() >= plan->deadline && *received < std::max(plan->count, 1UL);
  return is_late ? ExitCode::kTimedOut : ExitCode::kOk;
}

}  // namespace

std::vector<Command> message_commands() {
  return {
      {.path = "send",
       .summary = "Sends a message to a node and says how it ended.",
       .details = "Ends with 0 when it was delivered, 1 when nothing over there takes its type or "
                  "nobody knows, 3 when there is no such node, 4 when its link is down.",
       .arguments = {{.name = "NODE", .help = "the other node's id", .source = Source::kPeer},
                     {.name = "TYPE", .help = "a number that programs agreed on"},
                     {.name = "TEXT",
                      .help = "the payload; -: standard input as it is; left out: empty",
                      .is_required = false}},
       .options = {{.names = "-p,--priority", .value = "P", .help = "1 (most urgent) to 7 (4)"}},
       .examples = {{"ringroad send 2 7 hello", "five bytes of type 7 to node 2"},
                    {"ringroad send 2 7 - < picture.png", "a file"}},
       .run = send},
      {.path = "listen",
       .summary = "Prints messages that arrive at the node, a line each.",
       .details = "Without TYPE, those that no program is bound to. Ends with 6 when --for (or "
                  "--timeout) is over and nothing, or less than --count, has come.",
       .arguments = {{.name = "TYPE",
                      .help = "message types, numbers",
                      .is_required = false,
                      .is_many = true}},
       .options = {{.names = "-c,--count", .value = "N", .help = "end after so many; 0: never (0)"},
                   {.names = "--for", .value = "SECONDS", .help = "end after so long"},
                   {.names = "--as",
                    .value = "FORM",
                    .help = "of payloads: text or hex (text); with -j both are there",
                    .words = {"text", "hex"}}},
       .examples = {{"ringroad listen 7", "messages of type 7"},
                    {"ringroad listen -j -c 10 --for 60", "ten as JSON, within a minute"}},
       .run = listen},
  };
}

}  // namespace ringroad::cli
