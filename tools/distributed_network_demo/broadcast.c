/* Scenario 2: every node sends news to all others, and gets a receipt from each that read it.
 *
 * dist_net_broadcast_message says for how many nodes a message was accepted; what became of it
 * there only the receivers know, so they say so: a receipt is a message like any other.
 */
#include <stdio.h>

#include "tools/distributed_network_demo/demo.h"
#include "tools/distributed_network_demo/pace.h"

enum { kPerSecond = 100, kBurst = 64, kNodesMax = 64 };

typedef struct {
  Demo* demo;
  uint64_t sent;                    /* broadcasts */
  uint64_t accepted;                /* for one node each */
  uint64_t receipts[kNodesMax + 1]; /* by node */
  uint64_t received[kNodesMax + 1]; /* news, by node */
  bool told_silent;
  int failed; /* an exit code once the attachment is lost; else 0 */
} Broadcast;

static void send_news(Broadcast* run) {
  const DemoMessage payload = {.number = run->sent};
  const uint32_t accepted =
      dist_net_broadcast_message(kNews, &payload, sizeof payload, DIST_NET_PRIORITY_NORMAL);
  ++run->sent;
  run->accepted += accepted;
  if (accepted == 0 && dist_net_error_details().error == DIST_NET_DISCONNECTED) {
    run->failed = kExitUnreachable;
  }
}

static uint32_t receive(Broadcast* run) {
  dist_net_message_t messages[kBurst];
  const int32_t count = dist_net_receive(NULL, messages, kBurst);
  if (count < 0) {
    run->failed = kExitUnreachable;
    return 0;
  }
  for (int32_t i = 0; i < count; ++i) {
    const dist_net_message_t* message = &messages[i];
    if (message->from == 0 || message->from > kNodesMax) continue;
    if (message->type == kReceipt) {
      ++run->receipts[message->from];
    } else {
      ++run->received[message->from];
      (void)dist_net_send_message(message->from, kReceipt, message->payload, message->size,
                                  message->priority);
    }
  }
  if (count > 0) dist_net_release(NULL, messages, (uint32_t)count);
  return (uint32_t)count;
}

static uint64_t sum(const uint64_t* counts) {
  uint64_t total = 0;
  for (int node = 1; node <= kNodesMax; ++node) total += counts[node];
  return total;
}

static void print_line(Broadcast* run, uint32_t second) {
  NumberText sent, accepted, receipts, received;
  printf("%4u%12s%12s%11s%12s\n", second, grouped(run->sent, &sent),
         grouped(run->accepted, &accepted), grouped(sum(run->receipts), &receipts),
         grouped(sum(run->received), &received));
  /* Once, and not before links and other demos had a second to come up. */
  if (!run->told_silent && second >= 2) {
    for (uint32_t i = 0; i < run->demo->node.peer_count; ++i) {
      const raft_node_id_t peer = run->demo->node.peers[i];
      if (run->receipts[peer] > 0) continue;
      run->told_silent = true;
      if (dist_net_is_connected(NULL, peer)) {
        printf("! no receiver on node %u: start the demo there too\n", peer);
      } else {
        printf("! no link to node %u: does that node run?\n", peer);
      }
    }
  }
  fflush(stdout);
}

static void exchange(Broadcast* run) {
  Pace pace = begin_pace(now_ns(), run->demo->options.duration_s, kPerSecond);
  for (int64_t now = now_ns(); run->failed == 0 && !is_over(&pace, now); now = now_ns()) {
    if (is_interrupted(run->demo)) end_early(&pace, now);
    while (take_due(&pace, now)) send_news(run);
    const uint32_t received = receive(run);
    const uint32_t second = take_second(&pace, now);
    if (second != 0) print_line(run, second);
    if (received == 0) (void)dist_net_wait(NULL, idle_us(&pace, now));
  }
}

static void print_summary(const Broadcast* run) {
  const dist_net_node_info_t* node = &run->demo->node;
  dist_net_statistics_t statistics = {0};
  NumberText a, b, c;
  printf("\nbroadcast   %s times to %u nodes each; accepted for %s\n", grouped(run->sent, &a),
         node->peer_count, grouped(run->accepted, &b));
  for (uint32_t i = 0; i < node->peer_count; ++i) {
    const raft_node_id_t peer = node->peers[i];
    printf("node %-6u received %s (by its receipts), and sent %s\n", peer,
           grouped(run->receipts[peer], &a), grouped(run->received[peer], &b));
    if (run->receipts[peer] > 0) continue;
    printf(dist_net_is_connected(NULL, peer)
               ? "            ! no receiver on node %u: start the demo there too\n"
               : "            ! no link to node %u: does that node run?\n",
           peer);
  }
  if (dist_net_get_statistics(NULL, &statistics) == DIST_NET_SUCCESS) {
    printf("outcomes    %s delivered, %s no receiver, %s not sent or unknown (receipts included)\n",
           grouped(statistics.delivered, &a), grouped(statistics.no_receiver, &b),
           grouped(statistics.not_sent + statistics.unknown, &c));
  }
  if (run->failed != 0) printf("! the node is gone: %s\n", dist_net_last_error());
  if (sum(run->receipts) == 0) printf("nothing was delivered\n");
}

int run_broadcast(Demo* demo) {
  Broadcast run = {.demo = demo};
  int code = bind_type(kNews, "news");
  if (code == -1) code = bind_type(kReceipt, "receipts");
  if (code != -1) return code;
  if (demo->node.peer_count == 0) {
    fputs(
        "distributed_network_demo: a cluster of one node has nobody to broadcast to\n"
        "  mend: tools/deploy_distributed.sh deploy --cluster-size 3\n",
        stderr);
    return kExitFailed;
  }
  printf(
      "dist_net_broadcast_message     %d a second, one call for all %u other nodes; each sends a\n"
      "                               receipt for what it read\n",
      kPerSecond, demo->node.peer_count);
  printf("\n   s   broadcast    accepted   receipts    received\n");
  exchange(&run);
  print_summary(&run);
  if (run.failed != 0) return run.failed;
  return sum(run.receipts) > 0 ? kExitOk : kExitFailed;
}
