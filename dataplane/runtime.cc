#include "dataplane/runtime.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "dataplane/clock.h"
#include "dataplane/control_endpoint.h"
#include "dataplane/host_commands.h"
#include "dataplane/peer_changes.h"
#include "drivers/factory.h"
#include "hugepages/eal.h"
#include "hugepages/mempool.h"

namespace ringroad {
namespace {

constexpr Nanos kWatchInterval = milliseconds(250);
constexpr Nanos kPortPatience = seconds(2);

std::string port_mend(const PortConfig& port) {
  if (port.kind != PortKind::kMemif) {
    return absl::StrFormat("port     has no link; mend: is the interface up? ip link show %s",
                           port.interface);
  }
  return absl::StrFormat(
      "port     memif has no link yet: nobody answers at %s as id %d\n"
      "         mend: start the fabric, or the other node (%s there); both ends name the same "
      "socket and id",
      port.socket, port.id, port.master ? "\"role\": \"slave\"" : "\"role\": \"master\"");
}

// Lets the calling thread run on all of `cpus` again, after EAL pinned it to one.
void float_over(const std::vector<std::uint32_t>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (std::uint32_t cpu : cpus) CPU_SET(cpu, &set);
  // Best effort: on failure it stays pinned, which is slower, not wrong.
  (void)sched_setaffinity(0, sizeof set, &set);
}

absl::StatusOr<std::uint64_t> random_seed() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    return absl::ErrnoToStatus(errno, "getrandom");
  }
  return seed;
}

}  // namespace

absl::StatusOr<RuntimePlan> plan_runtime(const NodeConfig& config) {
  RuntimePlan plan;
  auto topology = read_topology();
  if (!topology.ok()) return topology.status();
  plan.topology = *std::move(topology);
  auto allowed = allowed_cpus();
  if (!allowed.ok()) return allowed.status();
  plan.allowed = *std::move(allowed);
  // The consensus loop and the log's writer float: no CPU is planned for them yet.
  auto cpus = plan_cpus(plan.topology, plan.allowed, config.cpu,
                        {.consensus = false, .control = true, .background = false});
  if (!cpus.ok()) return cpus.status();
  plan.cpus = *std::move(cpus);
  plan.floating = config.cpu.idle == IdlePolicy::kAdaptive && config.cpu.io.empty();
  plan.memory = plan_memory(config, plan.cpus);
  const std::vector<MemoryDemand> demands = memory_demands(plan.memory);
  auto offer = read_memory_offer();
  if (!offer.ok()) return offer.status();
  auto mode = choose_memory_mode(config.memory.mode, demands, *offer);
  if (!mode.ok()) return mode.status();
  plan.mode = *std::move(mode);
  plan.eal_arguments = derive_eal_arguments(plan.cpus, plan.mode.mode, demands, config.eal_extra);
  return plan;
}

std::string describe(const RuntimePlan& plan, const NodeConfig& config) {
  std::string text = absl::StrCat("machine  ", describe(plan.topology), "\n");
  if (plan.floating) {
    absl::StrAppend(&text, "CPUs     loops float over CPUs ", absl::StrJoin(plan.allowed, ","),
                    ", which they share with every process there, and sleep when idle\n"
                    "         (adaptive); name /cpu/io to pin them, or use \"idle\": \"poll\":\n");
  }
  absl::StrAppend(&text, describe(plan.cpus, plan.topology));
  absl::StrAppend(&text, "memory   ", plan.mode.reason, "\n", describe(plan.memory));
  absl::StrAppend(&text, "idle     ",
                  config.cpu.idle == IdlePolicy::kPoll
                      ? "poll: loops never sleep; for dedicated CPUs"
                      : "adaptive: loops sleep when idle and are rung awake",
                  "\n");
  return text;
}

struct Runtime::Impl {
  RuntimePlan plan;
  std::unique_ptr<Eal> eal;
  Mempool pool;
  std::unique_ptr<Port> port;
  std::unique_ptr<Node> node;
  std::unique_ptr<host::HostServer> server;
  std::unique_ptr<HostCommands> commands;
  std::unique_ptr<IoLoop> loop;
  std::unique_ptr<PeerChanges> peer_changes;
  std::unique_ptr<ControlEndpoint> control;
  std::thread slow;
  std::atomic<bool> slow_stop{false};
  int slow_bell = -1;

  // The slow thread's, once it runs.
  std::function<void(const std::string&)> on_event;
  std::string port_mend;  // what to say of a port that does not come up
  Nanos started;
  bool port_seen_up = false, port_complained = false;
  std::uint64_t links_seen_up = 0;
  std::vector<NodeId> peers;   // ascending
  std::size_t drafts_out = 0;  // links given to the io lcore and not heard of yet

  ~Impl() {
    if (slow.joinable()) {
      slow_stop.store(true);
      ::eventfd_write(slow_bell, 1);
      slow.join();
    }
    if (slow_bell >= 0) close(slow_bell);
    loop.reset();
    // Links in these queues are the node's to release frames into.
    peer_changes.reset();
    node.reset();  // lets go of the applications before the server unmaps them
    control.reset();
    commands.reset();
    server.reset();
    if (port) port->stop();
    port.reset();
    pool.reset();
    eal.reset();
  }

  absl::Status start_host(const NodeConfig& config) {
    host::HostServerConfig host_config = host::host_server_config(config);
    host_config.started_config = print_config(config);
    auto created = host::HostServer::create(host_config);
    if (!created.ok()) return created.status();
    server = *std::move(created);
    commands = std::make_unique<HostCommands>(*server);
    slow_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (slow_bell < 0) return absl::ErrnoToStatus(errno, "eventfd");
    peer_changes = std::make_unique<PeerChanges>(slow_bell);
    for (const PeerConfig& peer : config.cluster_nodes) peers.push_back(peer.node_id);
    return absl::OkStatus();
  }

  void start_control() {
    control = std::make_unique<ControlEndpoint>(*node, *loop, *peer_changes,
                                                [raw = server.get()](IdlePolicy idle) {
                                                  raw->set_never_sleeps(idle == IdlePolicy::kPoll);
                                                });
    commands->set_control(*control);
  }

  // Peers that control wants to come, and links of those that have gone.
  void serve_peer_changes(Nanos now) {
    PeerChanged changed;
    bool is_changed = false;
    for (; peer_changes->poll_changed(changed); is_changed = true) {
      std::erase(peers, changed.peer);
      if (changed.is_added) {
        peers.push_back(changed.peer);
        --drafts_out;
      }
      changed.retired.reset();
    }
    if (is_changed) {
      std::ranges::sort(peers);
      server->set_peers(peers);
    }
    PeerRequest request;
    while (peer_changes->poll_request(request)) {
      PeerReady ready{.asked = request, .draft = {}};
      auto seed = random_seed();
      if (seed.ok() && has_buffers_for(node->config(), plan.memory.pools.front().buffers,
                                       peers.size() + drafts_out + 1)) {
        const PeerConfig peer{.node_id = request.peer,
                              .name = {},
                              .zone = {},
                              .address = request.address,
                              .port = request.port};
        ready.draft = node->draft_peer(peer, *seed, now);
        ++drafts_out;
      }
      peer_changes->give(std::move(ready));
      server->wake_io();
    }
  }

  // Ports and links that came or went since the last look.
  void watch(Nanos now) {
    if (!on_event) return;
    const bool up = node->is_port_up();
    const std::uint64_t links = node->links_up();
    if (up != port_seen_up) on_event(up ? "port     up" : "port     down: nothing goes in or out");
    if (!up && !port_complained && now - started > kPortPatience) {
      port_complained = true;
      on_event(port_mend);
    }
    for (std::uint64_t left = links ^ links_seen_up; left != 0; left &= left - 1) {
      on_event(absl::StrFormat("link     node %d is %s", std::countr_zero(left) + 1,
                               (links & left & -left) != 0 ? "up" : "down"));
    }
    port_seen_up = up;
    links_seen_up = links;
  }

  void serve() {
    while (!slow_stop.load(std::memory_order_relaxed)) {
      const Nanos now = monotonic_now();
      watch(now);
      eventfd_t rung = 0;
      (void)::eventfd_read(slow_bell, &rung);
      serve_peer_changes(now);
      if (server->service(now) != 0) continue;
      pollfd waits[2] = {{server->wait_descriptor(), POLLIN, 0}, {slow_bell, POLLIN, 0}};
      const Nanos wait = std::min(server->next_deadline() - now, kWatchInterval);
      const int wait_ms = static_cast<int>(std::max<std::int64_t>(0, wait.count) / 1'000'000 + 1);
      (void)::poll(waits, 2, wait_ms);
    }
  }
};

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::create(const NodeConfig& config,
                                                         const Options& options) {
  auto impl = std::make_unique<Impl>();
  auto plan = plan_runtime(config);
  if (!plan.ok()) return plan.status();
  impl->plan = *std::move(plan);

  std::uint64_t seed = options.seed;
  if (seed == 0) {
    auto random = random_seed();
    if (!random.ok()) return random.status();
    seed = *random;
  }

  // The socket first: a name that is taken is the commonest mistake, and the cheapest to find.
  if (options.applications) {
    if (auto status = impl->start_host(config); !status.ok()) return status;
  }
  auto eal = Eal::start(impl->plan.eal_arguments);
  if (!eal.ok()) return eal.status();
  impl->eal = *std::move(eal);
  auto pool = create_packet_pool("packets", impl->plan.memory.pools.front());
  if (!pool.ok()) return pool.status();
  impl->pool = *std::move(pool);
  auto port = make_port(config.ports.front(), 0, config.local_node.node_id, impl->pool.get());
  if (!port.ok()) return port.status();
  impl->port = *std::move(port);
  if (auto status = impl->port->start(); !status.ok()) return status;
  auto node = Node::create(config, *impl->port, impl->pool.get(), seed, monotonic_now());
  if (!node.ok()) return node.status();
  impl->node = *std::move(node);

  impl->on_event = options.on_event;
  impl->port_mend = port_mend(config.ports.front());
  impl->started = monotonic_now();
  IoLoop::Options loop;
  loop.idle = config.cpu.idle;
  loop.spin = host::spin_on(impl->plan.allowed.size());
  impl->loop = std::make_unique<IoLoop>(loop);
  if (impl->server) impl->start_control();
  if (auto status = impl->loop->add(*impl->node, impl->commands.get()); !status.ok()) return status;
  if (impl->server)
    impl->slow = std::thread([raw = impl.get()] {
      float_over(raw->plan.allowed);
      raw->serve();
    });
  if (impl->plan.floating) float_over(impl->plan.allowed);
  return std::unique_ptr<Runtime>(new Runtime(std::move(impl)));
}

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;
void Runtime::run() {
  impl_->loop->run();
  impl_->node->close(monotonic_now());
}
bool Runtime::report(NodeReport& out) { return impl_->loop->report(out); }
void Runtime::stop() { impl_->loop->stop(); }
Node& Runtime::node() { return *impl_->node; }
IoLoop& Runtime::loop() { return *impl_->loop; }
rte_mempool* Runtime::pool() { return impl_->pool.get(); }
const RuntimePlan& Runtime::plan() const { return impl_->plan; }
const IoLoopStatistics& Runtime::loop_statistics() const { return impl_->loop->statistics(); }

}  // namespace ringroad
