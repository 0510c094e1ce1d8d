// Fuzzes what a control process can tell a node to do: commands with any field, back to back, while
// a second node answers over a patch cable. The input is a list of commands: a length byte, then as
// many bytes laid over a command of zeros.
//
// Found wrong: a read outside what the sanitizer allows, a broken invariant, a command answered
// twice or, once the nodes have settled, never.
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "dataplane/base/check.h"
#include "dataplane/control_endpoint.h"
#include "dataplane/host/control_segment.h"
#include "dataplane/host/socket.h"
#include "dataplane/io_loop.h"
#include "tests/pmd/eal_start.h"
#include "tests/pmd/node/patch_port.h"

namespace {

using namespace ringroad;
using namespace ringroad::host;

constexpr std::uint32_t kMtu = 1'500;

NodeConfig config_of(std::uint16_t self, std::uint16_t peer) {
  NodeConfig config;
  config.local_node.node_id = NodeId{self};
  config.local_node.bind_address = Ipv4Address{0x0a4d0000u + self};
  config.cluster_nodes.push_back(
      {.node_id = NodeId{peer}, .address = Ipv4Address{0x0a4d0000u + peer}});
  config.ports.push_back({});
  config.limits.held_frames = 64;
  config.limits.flight_frames = 64;
  config.limits.queue_messages = config.limits.window_messages = 64;
  config.limits.message_bytes_max = 4'096;
  return config;
}

// Started once: inputs follow each other, as commands of one long-lived control process would.
class Nodes {
 public:
  Nodes() {
    RR_CHECK(start_eal("fuzz"));
    pool_ = rte_pktmbuf_pool_create("fuzz", 1'023, 0, 0, RTE_PKTMBUF_HEADROOM + kMtu + 64,
                                    SOCKET_ID_ANY);
    RR_CHECK(pool_ != nullptr);
    for (std::uint16_t i = 0; i < 2; ++i) {
      ports_[i] = std::make_unique<PatchPort>(cable_, i, kMtu);
      nodes_[i] = *Node::create(
          config_of(static_cast<std::uint16_t>(i + 1), static_cast<std::uint16_t>(2 - i)),
          *ports_[i], pool_, i, now_);
      endpoints_[i] = std::make_unique<ControlEndpoint>(
          *nodes_[i], loop_, i == 0 ? changes_ : other_changes_, [](auto) {});
    }
    BellPair bell;
    RR_CHECK(make_bell(bell));
    channel_ = *ControlChannel::create(std::move(bell.ringer));
    listener_ = std::move(bell.listener);
    void* at = ::mmap(nullptr, channel_->segment_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED,
                      channel_->segment_descriptor(), 0);
    RR_CHECK(at != MAP_FAILED);
    segment_ = static_cast<std::byte*>(at);
    endpoints_[0]->attach(*channel_);
  }

  void post(const std::uint8_t* data, std::size_t size) {
    ControlCommand command{};
    std::memcpy(&command, data, std::min(size, sizeof command));
    command.request = ++request_;
    if (rte_ring_enqueue_elem(command_ring(segment_), &command, sizeof command) != 0) return;
    asked_[request_] = 0;
  }
  void pass() {
    now_ = now_ + microseconds(50);
    for (auto& node : nodes_) node->poll(now_);
    PeerRequest request;
    while (changes_.poll_request(request)) {
      PeerReady ready{.asked = request, .draft = {}};
      ready.draft = nodes_[0]->draft_peer(
          {.node_id = request.peer, .address = request.address, .port = request.port}, 1, now_);
      changes_.give(std::move(ready));
    }
    PeerChanged changed;
    while (changes_.poll_changed(changed)) changed.retired.reset();
    ControlEvent event;
    while (rte_ring_dequeue_elem(event_ring(segment_), &event, sizeof event) == 0) {
      if (event.kind != ControlEventKind::kResult) continue;
      RR_CHECK(event.result < ControlResult::kCount);
      const auto asked = asked_.find(event.request);
      RR_CHECK(asked != asked_.end());  // answered once
      asked_.erase(asked);
    }
    // Captured packets, so that the ring has room.
    CaptureRing& ring = reinterpret_cast<ControlSegment*>(segment_)->capture;
    ring.head.store(ring.tail.load());
  }
  // Until every command was answered: the longest wait is for an echo that never comes.
  void settle() {
    for (int i = 0; i < 4'000 && !asked_.empty(); ++i) pass();
    if (!asked_.empty()) now_ = now_ + seconds(61);
    for (int i = 0; i < 4'000 && !asked_.empty(); ++i) pass();
    RR_CHECK(asked_.empty());
  }

 private:
  Nanos now_ = seconds(1);
  rte_mempool* pool_ = nullptr;
  std::shared_ptr<PatchCable> cable_ = std::make_shared<PatchCable>();
  std::unique_ptr<PatchPort> ports_[2];
  std::unique_ptr<Node> nodes_[2];
  IoLoop loop_{IoLoop::Options{}};
  Descriptor bell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  PeerChanges changes_{bell_.get()}, other_changes_{bell_.get()};
  std::unique_ptr<ControlEndpoint> endpoints_[2];
  std::unique_ptr<ControlChannel> channel_;
  Descriptor listener_;
  std::byte* segment_ = nullptr;
  std::uint64_t request_ = 0;
  std::map<std::uint64_t, int> asked_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Never destroyed: EAL's memory goes with the process.
  static Nodes& nodes = *new Nodes;
  while (size > 0) {
    const std::size_t length = std::min<std::size_t>(data[0], size - 1);
    nodes.post(data + 1, length);
    nodes.pass();
    data += 1 + length;
    size -= 1 + length;
  }
  nodes.settle();
  return 0;
}
