// ping: messages to a node and back, through the links that applications use. One that is late or
// meets a link that is down is lost and counted; any other error ends it.
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/round_trips.h"
#include "tools/ringroad/session.h"
#include "tools/ringroad/units.h"

namespace ringroad::cli {
namespace {

using fabric::cat;

constexpr std::uint64_t kBytesMax = 1'024;
constexpr double kTimeoutSecondsMost = 60;

struct Plan {
  std::uint32_t peer = 0;
  std::uint64_t count = 0;  // 0: until ctrl-C
  std::uint64_t bytes = 0;
  double interval = 0, timeout = 0;
};

absl::StatusOr<Plan> plan_of(const Session& session, const Given& given) {
  const auto peer = node_id_of("NODE", given.text("NODE"));
  if (!peer.ok()) return peer.status();
  const auto count = given.whole("--count", 0, 1'000'000'000, 4);
  if (!count.ok()) return count.status();
  const auto bytes = given.whole("--size", 0, kBytesMax, 64);
  if (!bytes.ok()) return bytes.status();
  const auto interval = given.seconds("--interval", 0, 3'600, 1);
  if (!interval.ok()) return interval.status();
  const double timeout =
      std::min(session.settings.timeout_seconds.value_or(1), kTimeoutSecondsMost);
  return Plan{*peer, *count, *bytes, *interval, timeout};
}

// One there and back. Lost ones are told and counted; the error is of what no further ping mends.
absl::Status ping_once(Session& session, const Plan& plan, std::uint64_t sequence,
                       RoundTrips& trips, absl::Status& last_loss) {
  const auto answer = session.ask(
      "ping", {{"peer_id", plan.peer}, {"bytes", plan.bytes}, {"timeout_seconds", plan.timeout}},
      plan.timeout + Session::kTimeoutSeconds);
  std::string text;
  if (answer.ok()) {
    const auto seconds = number_of(*answer, "round_trip_seconds");
    trips.on_answer(seconds.value_or(0));
    text = cat(plan.bytes, " B from node ", plan.peer, "  seq ", sequence, "  time ",
               latency_text(seconds), "\n");
  } else if (is_rpc_error(answer.status()) &&
             (absl::IsDeadlineExceeded(answer.status()) || absl::IsUnavailable(answer.status()))) {
    trips.on_loss();
    last_loss = answer.status();
    text = cat("lost  seq ", sequence, "  ", fabric::message_of(answer.status()), "\n");
  } else {
    return answer.status();
  }
  if (!session.is_json()) session.out.write(text);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> ping(Session& session, const Given& given) {
  const auto plan = plan_of(session, given);
  if (!plan.ok()) return plan.status();
  RoundTrips trips{plan->peer, plan->bytes};
  absl::Status last_loss;
  for (std::uint64_t sequence = 1; plan->count == 0 || sequence <= plan->count; ++sequence) {
    const auto next = deadline_in(plan->interval);
    const auto status = ping_once(session, *plan, sequence, trips, last_loss);
    if (absl::IsCancelled(status)) break;
    if (!status.ok()) return status;
    if (sequence == plan->count || session.out.is_closed()) break;
    if (session.interrupts.wait(-1, 0, next) == Interrupts::Wake::kStopped) break;
  }
  session.interrupts.clear();
  if (session.is_json()) {
    session.print_json(trips.json());
  } else {
    session.out.write(trips.text());
  }
  if (trips.received() > 0 || trips.sent() == 0) return ExitCode::kOk;
  return exit_code_of(last_loss);
}

}  // namespace

std::vector<Command> ping_commands() {
  return {{.path = "ping",
           .summary = "Sends messages to a node and back through the link, and times them.",
           .details = "Ends with 6 when none came back in time (4: the link is down). --timeout "
                      "is how long one may take, 1 s unless said. -j prints the figures alone.",
           .arguments = {{.name = "NODE", .help = "the other node's id", .source = Source::kPeer}},
           .options =
               {{.names = "-c,--count", .value = "N", .help = "how many (4); 0: until ctrl-C"},
                {.names = "-i,--interval", .value = "SECONDS", .help = "from one to the next (1)"},
                {.names = "-s,--size", .value = "BYTES", .help = "of each, at most 1,024 (64)"}},
           .examples = {{"ringroad ping 2", "four, a second apart"},
                        {"ringroad ping 2 -c 100 -i 0 -j", "a hundred at once, as JSON"}},
           .run = ping}};
}

}  // namespace ringroad::cli
