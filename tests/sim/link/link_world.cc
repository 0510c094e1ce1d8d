#include "tests/sim/link/link_world.h"

#include <unordered_map>

#include "dataplane/kernels/crc32c.h"

namespace ringroad::sim {

namespace {

constexpr std::uint32_t kIdMask = (1u << 30) - 1;
constexpr std::uint32_t kNobody = 1u << 30;  // in a message's type: no receiver is bound to it
constexpr std::uint16_t kOwners = 4;

struct InsideLink {
  InsideLink() { inside_link = true; }
  ~InsideLink() { inside_link = false; }
};
struct OutsideLink {
  OutsideLink() : was(inside_link) { inside_link = false; }
  ~OutsideLink() { inside_link = was; }
  bool was;
};

std::uint64_t pattern(std::uint64_t id, std::size_t at) {
  return (id * 0x9e3779b97f4a7c15) ^ (at * 0xff51afd7ed558ccd);
}

// A payload of a word or more names its message itself: pattern(id, 0) is an odd multiple of it. So
// such messages share a type, and travel to their receiver in bursts.
std::uint64_t id_of(std::uint64_t first_word) {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15;
  std::uint64_t inverse = kFactor;  // right in its low 3 bits; each step doubles how many are
  for (int i = 0; i < 5; ++i) inverse *= 2 - kFactor * inverse;
  return first_word * inverse;
}

void fill(std::byte* out, std::size_t length, std::uint64_t id) {
  std::size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    const std::uint64_t word = pattern(id, at);
    std::memcpy(out + at, &word, 8);
  }
  for (; at < length; ++at) out[at] = static_cast<std::byte>(pattern(id, at));
}

bool matches(const InboundMessage& message, std::uint64_t id, std::vector<std::byte>& scratch) {
  scratch.resize(std::max<std::size_t>(scratch.size(), message.length));
  message.copy_to(scratch.data());
  std::size_t at = 0;
  for (; at + 8 <= message.length; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, scratch.data() + at, 8);
    if (word != pattern(id, at)) return false;
  }
  for (; at < message.length; ++at) {
    if (scratch[at] != static_cast<std::byte>(pattern(id, at))) return false;
  }
  return true;
}

template <typename T, std::size_t N>
T pick(Prng& prng, const T (&values)[N]) {
  return values[prng.below(N)];
}

}  // namespace

class LinkWorld::Node final : public LinkSink {
 public:
  Node(LinkWorld& node_world, std::uint8_t node_index, std::uint64_t seed)
      : world(node_world), index(node_index) {
    LinkConfig config = world.scenario_.link;
    config.self = NodeId{static_cast<std::uint16_t>(1 + index)};
    config.peer = NodeId{static_cast<std::uint16_t>(2 - index)};
    if (index == 1 && world.scenario_.frame_bytes_max_of_1 != 0) {
      config.frame_bytes_max = world.scenario_.frame_bytes_max_of_1;
    }
    link = std::make_unique<Link>(config, *this, Prng{seed}, world.now_);
  }
  ~Node() {
    link.reset();
    if (!held.empty()) world.fail("frames were not released at the end of a link");
  }

  DeliverResult on_message(const InboundMessage& message) override {
    const OutsideLink outside;
    const std::uint8_t p = message.priority.value;
    std::uint64_t id = message.type.value & kIdMask;
    if (message.length >= sizeof id) {
      scratch.resize(std::max<std::size_t>(scratch.size(), message.length));
      message.copy_to(scratch.data());
      std::memcpy(&id, scratch.data(), sizeof id);
      id = id_of(id);
    }
    const std::uint8_t sender = 1 - index;
    if (!world.healed_ && world.now_ < busy_until[p]) return DeliverResult::kBusy;
    if (id == 0 || id >= world.ledger_.size()) {
      world.fail("a message that was never sent");
      return DeliverResult::kDelivered;
    }
    Entry& entry = world.ledger_[id];
    if (entry.sender != sender || entry.priority != p || entry.length != message.length) {
      world.fail("a message that is not as it was sent: " + std::to_string(id));
    }
    if (id <= world.last_id_[sender][p]) {
      world.fail("out of order or twice: " + std::to_string(id) + " after " +
                 std::to_string(world.last_id_[sender][p]));
    }
    world.last_id_[sender][p] = id;
    if (!matches(message, id, scratch)) world.fail("a damaged payload: " + std::to_string(id));
    if ((message.type.value & kNobody) != 0) {
      ++entry.refused;
      return DeliverResult::kNoReceiver;
    }
    ++entry.delivered;
    ++world.report_.delivered;
    world.report_.delivered_bytes += message.length;
    return DeliverResult::kDelivered;
  }

  // As many as can be delivered; sometimes, as an endpoint may, fewer.
  std::size_t on_messages(const InboundBurst& burst) override {
    const OutsideLink outside;
    const bool is_busy = !world.healed_ && world.now_ < busy_until[burst.priority.value];
    if (is_busy || (burst.type.value & kNobody) != 0) return 0;
    const std::size_t most = bursts++ % 7 == 0 ? 2 : burst.payloads.size();
    for (std::size_t i = 0; i < std::min(most, burst.payloads.size()); ++i) {
      const auto& payload = burst.payloads[i];
      if (on_message({burst.from,
                      burst.type,
                      burst.priority,
                      static_cast<std::uint32_t>(payload.size()),
                      {&payload, 1}}) != DeliverResult::kDelivered) {
        return i;
      }
    }
    world.report_.bursts += 1;
    return std::min(most, burst.payloads.size());
  }

  void on_outcome(const OutboundMessage& message, Outcome outcome) override {
    const OutsideLink outside;
    Entry& entry = world.ledger_[message.token];
    if (entry.outcome != 0) {
      world.fail("a second outcome for " + std::to_string(message.token));
      return;
    }
    entry.outcome = static_cast<std::uint8_t>(outcome);
    delete[] entry.payload;
    entry.payload = nullptr;
    --unresolved;
    ++world.report_.outcomes[static_cast<std::size_t>(outcome)];
    // Truths that hold already now.
    if (outcome == Outcome::kDelivered && entry.delivered != 1) {
      world.fail("told delivered, was not: " + std::to_string(message.token));
    }
    if (outcome == Outcome::kNoReceiver && entry.refused != 1) {
      world.fail("told no receiver, was not refused: " + std::to_string(message.token));
    }
    if (wants_more > 0) {
      --wants_more;
      world.offer_one(index, entry.length, entry.priority);
    }
  }

  void release_frame(std::uintptr_t handle) override {
    const OutsideLink outside;
    const auto found = held.find(handle);
    if (found == held.end()) {
      world.fail("released a frame that is not held");
      return;
    }
    // Whoever still reads it, reads rubbish.
    std::fill_n(found->second->bytes.begin(), found->second->size, std::byte{0xee});
    world.paths_[1 - index]->give_back(std::move(found->second));
    held.erase(found);
  }

  void on_link_state(NodeId, LinkState) override {}

  std::uint32_t crc32c(std::span<const std::byte> bytes) override {
    return ringroad::crc32c(bytes);
  }

  void receive(std::unique_ptr<Buffer> buffer) {
    if (buffer->size > link->config().frame_bytes_max) {
      world.fail("a frame of " + std::to_string(buffer->size) +
                 " bytes, longer than its receiver takes");
    }
    const auto handle = ++last_handle;
    const ReceivedFrame frame{std::span(buffer->bytes).first(buffer->size), handle};
    held.emplace(handle, std::move(buffer));
    FrameError error{};
    FrameDisposition disposition{};
    {
      const InsideLink inside;
      disposition = link->on_frame(frame, world.now_, error);
    }
    if (error != FrameError::kNone) ++world.report_.refused_frames;
    if (disposition == FrameDisposition::kDone) release_frame(handle);
    if (held.size() > world.scenario_.link.held_frames_max) world.fail("too many frames are held");
  }

  void note_statistics() {
    const LinkStatistics& statistics = link->statistics();
    world.report_.sessions += statistics.sessions;
    world.report_.retransmitted += statistics.messages_retransmitted;
    world.report_.held_full += statistics.held_frames_full;
  }

  LinkWorld& world;
  const std::uint8_t index;
  std::unordered_map<std::uintptr_t, std::unique_ptr<Buffer>> held;
  std::uintptr_t last_handle = 0;
  std::array<Nanos, kPriorities> busy_until{};
  std::uint64_t unresolved = 0;
  std::uint64_t bursts = 0;
  std::uint32_t wants_more = 0;  // messages to offer from within outcomes
  std::vector<std::byte> scratch;
  std::unique_ptr<Link> link;
};

Scenario draw_scenario(std::uint64_t seed, std::uint32_t messages) {
  Prng prng{seed * 0x2545f4914f6cdd1d + 1};
  Scenario s;
  s.seed = seed;
  LinkConfig& link = s.link;
  link.frame_bytes_max = pick(prng, {512u, 1'432u, 1'432u, 8'932u, 65'000u});
  if (prng.below(3) == 0) link.window_messages = pick(prng, {1u, 4u, 64u});
  if (prng.below(3) == 0) link.window_bytes = pick(prng, {100u, 4'000u, 64'000u});
  if (prng.below(3) == 0) link.queue_messages_max = pick(prng, {1u, 8u, 256u});
  if (prng.below(3) == 0) link.held_frames_max = pick(prng, {0u, 3u, 16u, 100u});
  if (prng.below(3) == 0) link.flight_frames_max = pick(prng, {4u, 32u, 128u});
  if (prng.below(2) == 0) link.dead_after = milliseconds(150);
  link.message_bytes_max = 64 * 1024;
  s.messages = messages;
  switch (prng.below(6)) {
    case 0:  // long ones now and then
      s.rare_size_max = 64 * 1024;
      s.messages = messages / 2;
      break;
    case 1:  // all sizes
      s.size_max = s.rare_size_max = 64 * 1024;
      s.messages = messages / 40;
      break;
    case 2:  // a few huge ones
      if (prng.below(4) == 0) {
        link.message_bytes_max = s.rare_size_max = 1024 * 1024;
        link.held_frames_max = 8'192;
        s.messages = messages / 40;
      }
      break;
    default:
      break;
  }
  s.burst_max = pick(prng, {1u, 30u, 200u, 1'000u});
  s.latency = Nanos{static_cast<std::int64_t>(pick(prng, {2'000u, 10'000u, 100'000u, 1'000'000u}))};
  s.bits_per_second = pick(prng, {std::uint64_t{1'000'000'000}, std::uint64_t{10'000'000'000},
                                  std::uint64_t{100'000'000'000}});
  for (PathFaults& faults : s.faults) {
    faults.loss_ppm = pick(prng, {0u, 0u, 1'000u, 10'000u, 50'000u, 300'000u});
    faults.duplicate_ppm = pick(prng, {0u, 0u, 10'000u, 100'000u});
    faults.flip_ppm = pick(prng, {0u, 0u, 1'000u, 20'000u});
    faults.reorder_ppm = pick(prng, {0u, 0u, 50'000u, 500'000u});
    faults.reorder_delay_max = microseconds(pick(prng, {50, 500, 20'000}));
  }
  s.no_receiver_ppm = pick(prng, {0u, 10'000u, 500'000u});
  s.busy_ppm = pick(prng, {0u, 0u, 5'000u, 50'000u});
  // Rarer the longer they are, so that half the time the path is there.
  const auto blackout_ms = pick(prng, {2u, 30u, 1'500u});
  s.blackout_ppm = pick(prng, {0u, 0u, 0u, 40'000u}) / blackout_ms;
  s.blackout_max = milliseconds(blackout_ms);
  s.restart_ppm = pick(prng, {0u, 0u, 0u, 2'000u});
  s.forget_ppm = pick(prng, {0u, 0u, 5'000u});
  if (prng.below(3) == 0) s.frame_bytes_max_of_1 = pick(prng, {512u, 1'472u, 8'972u});
  return s;
}

LinkWorld::LinkWorld(const Scenario& scenario) : scenario_(scenario), prng_(scenario.seed) {
  ledger_.reserve(scenario.messages + 1);
  ledger_.emplace_back();  // id 0 is nobody's
  for (std::uint8_t i = 0; i < 2; ++i) {
    paths_[i] =
        std::make_unique<SimulatedPath>(prng_.fork(), scenario.latency, scenario.bits_per_second);
    paths_[i]->faults = scenario.faults[i];
    nodes_[i] = std::make_unique<Node>(*this, i, prng_.next());
  }
}

LinkWorld::~LinkWorld() {
  for (Entry& entry : ledger_) delete[] entry.payload;
}

void LinkWorld::fail(const std::string& what) {
  if (report_.failure.empty()) {
    report_.failure = what + " (at " + std::to_string(now_.count) + " ns)";
  }
}

std::uint32_t LinkWorld::draw_length() {
  const bool rare = prng_.below(64) == 0;
  return static_cast<std::uint32_t>(
      prng_.below((rare ? scenario_.rare_size_max : scenario_.size_max) + std::uint64_t{1}));
}

bool LinkWorld::offer_one(std::size_t from, std::uint32_t length, std::uint8_t priority) {
  Node& node = *nodes_[from];
  const std::uint64_t id = ledger_.size();
  OutboundMessage message{};
  message.to = node.link->config().peer;
  message.priority = Priority{priority};
  message.owner = static_cast<std::uint16_t>(prng_.below(kOwners));
  message.length = length;
  const bool nobody = prng_.chance_ppm(scenario_.no_receiver_ppm);
  message.type = MessageType{(length < sizeof id ? static_cast<std::uint32_t>(id) : 0) |
                             (nobody ? kNobody : 0)};
  message.token = id;
  auto* payload = new std::byte[length];
  fill(payload, length, id);
  message.payload = payload;
  SendResult result;
  {
    const InsideLink inside;
    result = node.link->offer(message);
  }
  if (result != SendResult::kAccepted) {
    delete[] payload;
    return false;
  }
  ledger_.push_back({payload, length, static_cast<std::uint8_t>(from), message.priority.value});
  ledger_.back().owner = message.owner;
  ++node.unresolved;
  return true;
}

void LinkWorld::application_turn(std::size_t from) {
  Node& node = *nodes_[from];
  if (ledger_.size() <= scenario_.messages && !(scenario_.one_way && from == 1)) {
    for (auto n = prng_.below(scenario_.burst_max + std::uint64_t{1}); n > 0; --n) {
      if (ledger_.size() > scenario_.messages) break;
      const auto priority = static_cast<std::uint8_t>(prng_.below(kPriorities));
      if (!offer_one(from, draw_length(), priority)) break;
    }
  }
  if (node.link->has_stalled()) {
    const InsideLink inside;
    node.link->redeliver(now_);
  }
}

void LinkWorld::restart(std::size_t which) {
  ++report_.restarts;
  nodes_[which]->note_statistics();
  for (Entry& entry : ledger_) {
    if (entry.sender != which || entry.payload == nullptr) continue;
    entry.orphaned = true;
    delete[] entry.payload;
    entry.payload = nullptr;
  }
  nodes_[which] = nullptr;
  nodes_[which] = std::make_unique<Node>(*this, static_cast<std::uint8_t>(which), prng_.next());
}

void LinkWorld::cause_trouble() {
  if (healed_) return;
  const auto some_time = [this](Nanos most) {
    return now_ + Nanos{static_cast<std::int64_t>(
                      prng_.below(static_cast<std::uint64_t>(most.count) + 1))};
  };
  Node& node = *nodes_[prng_.below(2)];
  if (prng_.chance_ppm(scenario_.busy_ppm)) {
    node.busy_until[prng_.below(kPriorities)] = some_time(milliseconds(20));
  }
  if (prng_.chance_ppm(scenario_.blackout_ppm)) {
    const Nanos until = some_time(scenario_.blackout_max);
    const auto which = prng_.below(3);
    if (which != 1) paths_[0]->faults.blackout_until = until;
    if (which != 0) paths_[1]->faults.blackout_until = until;
  }
  if (prng_.chance_ppm(scenario_.forget_ppm)) {
    const auto owner = static_cast<std::uint16_t>(prng_.below(kOwners));
    node.wants_more = 0;  // The owner is gone: it offers nothing from its last outcomes.
    {
      const InsideLink inside;
      node.link->forget_owner(owner);
    }
    for (const Entry& entry : ledger_) {
      if (entry.sender == node.index && entry.owner == owner && entry.payload != nullptr) {
        fail("a forgotten owner's message goes on");
      }
    }
  }
  if (prng_.chance_ppm(scenario_.forget_ppm)) node.wants_more += 10;
  if (prng_.chance_ppm(scenario_.restart_ppm)) restart(prng_.below(2));
}

void LinkWorld::heal() {
  healed_ = true;
  for (auto& path : paths_) path->faults = {};
  for (auto& node : nodes_) node->wants_more = 0;
}

void LinkWorld::pump(std::size_t from) {
  Link& link = *nodes_[from]->link;
  SimulatedPath& path = *paths_[from];
  if (now_ >= link.next_deadline()) {
    const InsideLink inside;
    link.on_time(now_);
  }
  while (path.has_room(now_)) {
    auto buffer = path.take_buffer(link.config().frame_bytes_max);
    const bool has_work = link.has_work();
    {
      const InsideLink inside;
      buffer->size = link.poll_frame(now_, buffer->bytes);
    }
    if (buffer->size == 0) {
      path.give_back(std::move(buffer));
      break;
    }
    if (!has_work) fail("a frame though there was no work");
    path.send(std::move(buffer), now_);
  }
}

// Advances to the next thing that happens, but not beyond `limit`.
void LinkWorld::step(Nanos limit) {
  Nanos next = std::min(limit, next_tick_);
  for (std::size_t i = 0; i < 2; ++i) {
    next = std::min(next, paths_[i]->next_arrival());
    next = std::min(next, nodes_[i]->link->next_deadline());
    if (nodes_[i]->link->has_work()) {
      // A link that says it has work, has room, and yields nothing is asked again a little later.
      next = std::min(next, std::max(paths_[i]->room_time(), now_ + Nanos{100}));
    }
  }
  now_ = std::max(now_, next);
  for (std::size_t i = 0; i < 2; ++i) {
    while (paths_[i]->next_arrival() <= now_) nodes_[1 - i]->receive(paths_[i]->arrive());
  }
  if (now_ >= next_tick_) {
    next_tick_ = now_ + scenario_.tick;
    cause_trouble();
    application_turn(0);
    application_turn(1);
  }
  pump(0);
  pump(1);
}

bool LinkWorld::is_drained() const {
  return nodes_[0]->unresolved == 0 && nodes_[1]->unresolved == 0;
}

void LinkWorld::check_ledger() {
  for (std::size_t id = 1; id < ledger_.size(); ++id) {
    const Entry& entry = ledger_[id];
    const auto outcome = static_cast<Outcome>(entry.outcome);
    const std::string name = std::to_string(id);
    if (entry.outcome == 0 && !entry.orphaned) fail("no outcome for " + name);
    if (entry.delivered + entry.refused > 1) fail("arrived twice: " + name);
    if (outcome == Outcome::kDelivered && entry.delivered != 1) fail("not delivered: " + name);
    if (outcome == Outcome::kNoReceiver && entry.refused != 1) fail("not refused: " + name);
    if (outcome == Outcome::kNotSent && entry.delivered + entry.refused != 0) {
      fail("told not sent, but it arrived: " + name);
    }
  }
  for (const auto& node : nodes_) {
    if (!node->held.empty()) fail("frames are held though all messages ended");
  }
}

Report LinkWorld::run() {
  const Nanos start = now_;
  const Nanos offered_by = start + scenario_.time_max;
  while (report_.failure.empty() && ledger_.size() <= scenario_.messages) {
    if (now_ >= offered_by) fail("messages are no longer accepted");
    step(offered_by);
  }
  heal();
  const Nanos drained_by = now_ + seconds(10);
  while (report_.failure.empty() && !is_drained()) {
    if (now_ >= drained_by) fail("not everything ended within ten seconds of healing");
    step(drained_by);
  }
  // What is still under way must change nothing any more.
  const Nanos quiet_by = now_ + milliseconds(100);
  while (report_.failure.empty() && now_ < quiet_by) step(quiet_by);
  if (report_.failure.empty()) check_ledger();
  for (auto& node : nodes_) node->note_statistics();
  report_.virtual_time = now_ - start;
  return report_;
}

std::uint64_t LinkWorld::stream_for(Nanos span, std::uint32_t size, std::uint8_t stalled) {
  scenario_.messages = 0;  // the applications' own turns offer nothing
  const Nanos up_by = now_ + seconds(5);
  while (nodes_[0]->link->state() != LinkState::kUp && now_ < up_by) step(up_by);
  for (std::size_t p = 0; p < kPriorities; ++p) {
    if (((stalled >> p) & 1) != 0) nodes_[1]->busy_until[p] = kNever;
  }
  const Nanos end = now_ + span;
  const std::uint64_t before = report_.delivered_bytes;
  while (report_.failure.empty() && now_ < end) {
    // The first that are not read, and the most urgent one that is.
    for (std::uint8_t p = 0; p < kPriorities; ++p) {
      while (offer_one(0, size, p)) {
      }
      if (((stalled >> p) & 1) == 0 && (stalled >> p) == 0) break;
    }
    pump(0);
    step(end);
  }
  return report_.failure.empty() ? report_.delivered_bytes - before : 0;
}

}  // namespace ringroad::sim
