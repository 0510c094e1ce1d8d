/* Scenario 1: every node sends numbered messages to the next one, which answers each.
 *
 * Three things can be told apart by its figures. An outcome (DIST_NET_WANT_OUTCOME) is what the
 * other node's dataplane says of a message: delivered to a program, or not. An answer is what the
 * other program sends back. The round trip is from just before sending to holding the answer.
 */
#include <stdio.h>
#include <string.h>

#include "tools/distributed_network_demo/demo.h"
#include "tools/distributed_network_demo/pace.h"
#include "tools/distributed_network_demo/round_trips.h"

enum { kPerSecond = 1000, kBurst = 64 };

typedef struct {
  Demo* demo;
  raft_node_id_t to;
  RoundTrips trips;
  uint64_t delivered, no_receiver, not_sent, unknown; /* outcomes */
  uint64_t received, answered;                        /* questions of others */
  uint64_t skipped;                                   /* not accepted: no link, no room */
  uint64_t stray;                                     /* answers to nothing that was asked */
  bool told_no_receiver, told_refused;
  int failed; /* an exit code once the attachment is lost; else 0 */
} PointToPoint;

/* The next higher peer, or the lowest; this node itself when it has no peers. */
static raft_node_id_t next_node(const dist_net_node_info_t* node) {
  raft_node_id_t lowest = 0, higher = 0;
  for (uint32_t i = 0; i < node->peer_count; ++i) {
    const raft_node_id_t peer = node->peers[i];
    if (lowest == 0 || peer < lowest) lowest = peer;
    if (peer > node->node_id && (higher == 0 || peer < higher)) higher = peer;
  }
  return higher != 0 ? higher : lowest != 0 ? lowest : node->node_id;
}

static void tell_no_receiver(PointToPoint* run) {
  if (run->told_no_receiver) return;
  run->told_no_receiver = true;
  printf(
      "! no receiver on node %u: the message came to that node, and no program there has bound\n"
      "  its type; start the demo there too:\n"
      "  distributed_network_demo --node-id %u --scenario 1 --duration %u\n",
      run->to, run->to, run->demo->options.duration_s);
}

static void tell_refused(PointToPoint* run, dist_net_error_t error) {
  if (run->told_refused) return;
  run->told_refused = true;
  printf("! not accepted: %s\n", dist_net_last_error());
  if (error == DIST_NET_NOT_CONNECTED) {
    printf("  no link to node %u: does that node run? it is tried again all the while\n", run->to);
  }
}

static void send_question(PointToPoint* run, int64_t now) {
  const DemoMessage payload = {.number = run->trips.sent};
  dist_net_outgoing_t message = {
      .node = run->to,
      .type = kQuestion,
      .priority = DIST_NET_PRIORITY_NORMAL,
      .flags = DIST_NET_WANT_OUTCOME,
      .token = payload.number,
      .payload = &payload,
      .size = sizeof payload,
  };
  if (dist_net_send(NULL, &message, 1) == 1) {
    note_sent(&run->trips, now);
    return;
  }
  const dist_net_error_t error = dist_net_error_details().error;
  ++run->skipped;
  if (error == DIST_NET_DISCONNECTED) run->failed = kExitUnreachable;
  tell_refused(run, error);
}

static void answer(PointToPoint* run, const dist_net_message_t* question) {
  /* dist_net_send_message is the short way: one node, a copy, no outcome asked for. */
  ++run->received;
  if (dist_net_send_message(question->from, kAnswer, question->payload, question->size,
                            question->priority) == DIST_NET_SUCCESS) {
    ++run->answered;
  }
}

/* A payload may be of any size and content: another program chose it. */
static void take_answer(PointToPoint* run, const dist_net_message_t* message, int64_t now) {
  DemoMessage payload;
  const bool fits = message->from == run->to && message->size == sizeof payload;
  if (fits) memcpy(&payload, message->payload, sizeof payload);
  if (!fits || !note_answer(&run->trips, payload.number, now)) ++run->stray;
}

static uint32_t receive(PointToPoint* run) {
  dist_net_message_t messages[kBurst];
  const int32_t count = dist_net_receive(NULL, messages, kBurst);
  if (count < 0) {
    run->failed = kExitUnreachable;
    return 0;
  }
  const int64_t now = now_ns();
  for (int32_t i = 0; i < count; ++i) {
    if (messages[i].type == kQuestion) {
      answer(run, &messages[i]);
    } else {
      take_answer(run, &messages[i], now);
    }
  }
  /* Until here the payloads lay in the memory shared with the node. */
  if (count > 0) dist_net_release(NULL, messages, (uint32_t)count);
  return (uint32_t)count;
}

static void collect_outcomes(PointToPoint* run) {
  dist_net_outcome_report_t reports[kBurst];
  int32_t count = 0;
  while ((count = dist_net_poll_outcomes(NULL, reports, kBurst)) > 0) {
    for (int32_t i = 0; i < count; ++i) {
      switch (reports[i].outcome) {
        case DIST_NET_DELIVERED:
          ++run->delivered;
          break;
        case DIST_NET_NO_RECEIVER:
          ++run->no_receiver;
          tell_no_receiver(run);
          break;
        case DIST_NET_NOT_SENT:
          ++run->not_sent;
          break;
        case DIST_NET_UNKNOWN:
          ++run->unknown;
          break;
      }
    }
  }
}

static uint64_t resolved(const PointToPoint* run) {
  return run->delivered + run->no_receiver + run->not_sent + run->unknown;
}

static void print_line(PointToPoint* run, uint32_t second) {
  NumberText sent, delivered, answers, received;
  TimeText median;
  printf("%4u%11s%12s%11s%12s   %s\n", second, grouped(run->trips.sent, &sent),
         grouped(run->delivered, &delivered), grouped(run->trips.answered, &answers),
         grouped(run->received, &received), time_text(take_median_ns(&run->trips), &median));
  fflush(stdout);
}

/* Sends on schedule until the time is over, then only answers and listens for a moment more. */
static void exchange(PointToPoint* run) {
  Pace pace = begin_pace(now_ns(), run->demo->options.duration_s, kPerSecond);
  for (int64_t now = now_ns(); run->failed == 0 && !is_over(&pace, now); now = now_ns()) {
    if (is_interrupted(run->demo)) end_early(&pace, now);
    while (take_due(&pace, now)) send_question(run, now);
    const uint32_t received = receive(run);
    collect_outcomes(run);
    const uint32_t second = take_second(&pace, now);
    if (second != 0) print_line(run, second);
    if (received == 0) (void)dist_net_wait(NULL, idle_us(&pace, now));
  }
}

static void print_summary(PointToPoint* run) {
  NumberText a, b, c, d;
  TimeText p50, p90, p99, most;
  const uint64_t sent = run->trips.sent, answers = run->trips.answered;
  finish_round_trips(&run->trips);
  printf("\nsent        %s messages to node %u", grouped(sent, &a), run->to);
  if (run->skipped > 0) printf("; %s more were not accepted", grouped(run->skipped, &b));
  printf("\noutcomes    %s delivered, %s no receiver, %s not sent, %s unknown",
         grouped(run->delivered, &a), grouped(run->no_receiver, &b), grouped(run->not_sent, &c),
         grouped(run->unknown, &d));
  if (resolved(run) < sent) printf(", %s still open", grouped(sent - resolved(run), &a));
  printf("\nanswers     %s; lost %s (delivered, and no answer came)\n", grouped(answers, &a),
         grouped(run->delivered > answers ? run->delivered - answers : 0, &b));
  if (run->stray > 0)
    printf("            %s more answered nothing sent\n", grouped(run->stray, &a));
  printf("received    %s messages of other nodes, answered %s\n", grouped(run->received, &a),
         grouped(run->answered, &b));
  printf("round trip  p50 %s, p90 %s, p99 %s, max %s\n",
         time_text(percentile_ns(&run->trips, 50), &p50),
         time_text(percentile_ns(&run->trips, 90), &p90),
         time_text(percentile_ns(&run->trips, 99), &p99),
         time_text(percentile_ns(&run->trips, 100), &most));
  if (run->failed != 0) printf("! the node is gone: %s\n", dist_net_last_error());
  if (run->delivered == 0) printf("nothing was delivered\n");
}

int run_point_to_point(Demo* demo) {
  PointToPoint run = {.demo = demo, .to = next_node(&demo->node)};
  int code = bind_type(kQuestion, "questions");
  if (code == -1) code = bind_type(kAnswer, "answers");
  if (code != -1) return code;
  if (!make_round_trips(&run.trips, (size_t)kPerSecond * (demo->options.duration_s + 1))) {
    fputs("distributed_network_demo: out of memory\n", stderr);
    return kExitFailed;
  }
  printf(
      "dist_net_send                  %d messages a second to node %u, asking for each one's\n"
      "                               outcome (DIST_NET_WANT_OUTCOME)\n",
      kPerSecond, run.to);
  if (run.to == demo->node.node_id) printf("! no other node is configured: it asks itself\n");
  printf("\n   s       sent   delivered    answers    received   round trip p50\n");
  exchange(&run);
  print_summary(&run);
  free_round_trips(&run.trips);
  if (run.failed != 0) return run.failed;
  return run.delivered > 0 ? kExitOk : kExitFailed;
}
