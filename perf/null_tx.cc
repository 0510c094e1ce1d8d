// null_tx: how many 64-byte packets a second one core hands to a port that takes everything.
//
// A null port answers nothing, so no link comes up over it; each packet is what the generator would
// put on the wire beneath a link: headers by the packet stack in front of a stamp. The baseline is
// testpmd's txonly on the same driver, which also writes headers and no more. Prints one JSON
// object.
#include <rte_mbuf.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstring>

#include "dataplane/clock.h"
#include "dataplane/net/stack.h"
#include "dataplane/runtime.h"

namespace {

using namespace ringroad;

constexpr std::uint16_t kBurst = 64;

NodeConfig null_node(std::uint32_t cpu) {
  NodeConfig config;
  config.local_node.node_id = NodeId{1};
  config.local_node.bind_address = *parse_ipv4("10.77.0.1");
  config.ports.push_back({.kind = PortKind::kNull});
  config.tls_enabled = false;
  config.cpu.idle = IdlePolicy::kPoll;
  config.cpu.io = {cpu};
  return config;
}

// Lets the stack learn a neighbour from the request it sends, as if it had answered.
bool resolve(Stack& stack, Stack::Destination& to, Nanos now) {
  (void)stack.route(to, now);
  std::array<std::byte, 16'384> request{}, reply{};
  if (stack.poll_packet(now, request) == 0) return false;
  const MacAddress peer{{2, 0, 0, 0, 0, 2}};
  std::memcpy(reply.data(), request.data(), 42);
  std::memcpy(reply.data(), stack.config().mac.bytes.data(), 6);
  std::memcpy(reply.data() + 6, peer.bytes.data(), 6);
  reply[21] = std::byte{2};                              // operation: reply
  std::memcpy(reply.data() + 22, peer.bytes.data(), 6);  // sender: who was asked for
  std::memcpy(reply.data() + 28, request.data() + 38, 4);
  std::memcpy(reply.data() + 32, request.data() + 22, 10);  // target: us
  (void)stack.on_packet({reply.data(), 60}, now);
  return stack.route(to, now) == Route::kReady;
}

}  // namespace

int main(int argc, char** argv) {
  double run_seconds = 1;
  std::uint32_t cpu = 0, packet_bytes = 64;
  CLI::App app{"Packets a second into the null port"};
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  app.add_option("--cpu", cpu)->capture_default_str();
  app.add_option("--size", packet_bytes, "packet bytes, Ethernet header on")
      ->capture_default_str()
      ->check(CLI::Range(64, 1'500));
  CLI11_PARSE(app, argc, argv);

  const NodeConfig config = null_node(cpu);
  auto runtime = Runtime::create(config, {.applications = false});
  if (!runtime.ok()) {
    std::fprintf(stderr, "null_tx: %s\n", std::string(runtime.status().message()).c_str());
    return 1;
  }
  Port& port = (*runtime)->node().port();
  rte_mempool* pool = (*runtime)->pool();
  Stack stack{{.mac = port.mac(),
               .address = config.local_node.bind_address,
               .udp_port = config.local_node.bind_port,
               .mtu = port.capabilities().mtu}};
  const Nanos start = monotonic_now();
  Stack::Destination to = stack.destination(*parse_ipv4("10.77.0.2"), 8801, 0xc000);
  if (!resolve(stack, to, start)) {
    std::fprintf(stderr, "null_tx: the neighbour was not learnt\n");
    return 1;
  }
  const std::size_t payload_bytes = packet_bytes - Stack::kHeadroomBytes;
  const Nanos end = start + Nanos{static_cast<std::int64_t>(run_seconds * 1e9)};
  std::array<rte_mbuf*, kBurst> burst;
  std::uint64_t sent = 0, sequence = 0;
  Nanos now = start;
  do {
    for (int i = 0; i < 64; ++i) {
      if (rte_pktmbuf_alloc_bulk(pool, burst.data(), kBurst) != 0) break;
      for (rte_mbuf* packet : burst) {
        auto* bytes = rte_pktmbuf_mtod(packet, std::byte*);
        stack.encapsulate(to, bytes, payload_bytes);
        std::memcpy(bytes + Stack::kHeadroomBytes, &++sequence, sizeof sequence);
        std::memcpy(bytes + Stack::kHeadroomBytes + 8, &now, sizeof now);
        packet->data_len = static_cast<std::uint16_t>(packet_bytes);
        packet->pkt_len = packet_bytes;
      }
      const std::uint16_t taken = port.transmit_burst(burst);
      sent += taken;
      for (std::uint16_t k = taken; k < kBurst; ++k) rte_pktmbuf_free(burst[k]);
    }
    now = monotonic_now();
  } while (now < end);
  const double elapsed = static_cast<double>((now - start).count) / 1e9;
  std::printf("{\"value\": %.0f, \"unit\": \"frames/s\", \"frames\": %llu, \"size_bytes\": %u}\n",
              static_cast<double>(sent) / elapsed, static_cast<unsigned long long>(sent),
              packet_bytes);
  return sent > 0 ? 0 : 1;
}
