#include "node_options.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "arguments.h"

namespace ringroad::scenarios {
namespace {

using Values = std::vector<std::string>;

// What any scenario needs, and far from where sums overflow.
constexpr std::uint64_t kTicksMax = 1'000'000;
constexpr std::uint64_t kIndexMax = std::uint64_t{1} << 40;
constexpr std::uint64_t kCountMax = 1 << 16;
constexpr std::uint64_t kDriftPpmMax = 1'000'000;

raft::Config plain_config() {
  raft::Config config;
  config.timeout_step = kTick;
  config.election_timeout = kTick * 3;
  config.heartbeat_interval = kTick;
  config.pre_vote = false;
  config.check_quorum = false;
  config.step_down_on_removal = false;
  config.hand_over_on_removal = false;
  config.append_bytes_max = raft::kNoLimit;
  config.append_entries_max = ~std::uint32_t{0};
  config.inflight_messages_max = 1024;
  return config;
}

raft::ReadMode read_mode(absl::string_view text) {
  if (text == "safe") return raft::ReadMode::kSafe;
  if (text == "lease-based" || text == "lease") return raft::ReadMode::kLease;
  throw BadCommand(absl::StrCat("read-only is safe or lease-based, not \"", text, "\""));
}

raft::MessageVersion message_version(absl::string_view text) {
  if (text == "1") return raft::MessageVersion::kFirst;
  if (text == "2") return raft::MessageVersion::kKnownCommit;
  throw BadCommand(absl::StrCat("messages are of version 1 or 2, not \"", text, "\""));
}

std::uint32_t count(const Values& values) {
  return static_cast<std::uint32_t>(number(values[0], kCountMax));
}

Nanos ticks(const Values& values) {
  return kTick * static_cast<std::int64_t>(number(values[0], kTicksMax));
}

raft::NodeSet nodes(const Values& values) {
  raft::NodeSet set;
  for (const std::string& v : values) set.insert(node_id(v));
  return set;
}

// The i-th value is node i's.
template <typename Array>
void assign(Array& array, const Values& values) {
  if (values.size() >= array.size()) throw BadCommand("there can be 64 nodes");
  for (std::size_t i = 0; i < values.size(); ++i) {
    array[i + 1] = typename Array::value_type{static_cast<std::uint8_t>(number(values[i], 255))};
  }
}

struct Option {
  absl::string_view key;
  void (*set)(NodeTemplate&, const Values&);  // given at least one value
};

using T = NodeTemplate;
using V = Values;

constexpr std::array kOptions = {
    Option{"voters", [](T& t, const V& v) { t.snapshot.conf.voters = nodes(v); }},
    Option{"learners", [](T& t, const V& v) { t.snapshot.conf.learners = nodes(v); }},
    Option{"index",
           [](T& t, const V& v) { t.snapshot.index = raft::Index{number(v[0], kIndexMax)}; }},
    Option{"content", [](T& t, const V& v) { t.content = v[0]; }},
    Option{"inflight", [](T& t, const V& v) { t.config.inflight_messages_max = count(v); }},
    Option{"max-inflight-bytes",
           [](T& t, const V& v) { t.config.inflight_bytes_max = number(v[0]); }},
    Option{"max-committed-size-per-ready",
           [](T& t, const V& v) { t.config.applying_bytes_max = number(v[0]); }},
    Option{"async-storage-writes",
           [](T& t, const V& v) { t.config.async_storage_writes = truth(v[0]); }},
    Option{"prevote", [](T& t, const V& v) { t.config.pre_vote = truth(v[0]); }},
    Option{"checkquorum", [](T& t, const V& v) { t.config.check_quorum = truth(v[0]); }},
    Option{"read-only", [](T& t, const V& v) { t.config.read_mode = read_mode(v[0]); }},
    Option{"disable-conf-change-validation",
           [](T& t, const V& v) { t.config.validate_conf_changes = !truth(v[0]); }},
    Option{"step-down-on-removal",
           [](T& t, const V& v) { t.config.step_down_on_removal = truth(v[0]); }},
    Option{"election-tick", [](T& t, const V& v) { t.config.election_timeout = ticks(v); }},
    Option{"heartbeat-tick", [](T& t, const V& v) { t.config.heartbeat_interval = ticks(v); }},
    // Ours.
    Option{"hand-over-on-removal",
           [](T& t, const V& v) { t.config.hand_over_on_removal = truth(v[0]); }},
    Option{"forward-proposals", [](T& t, const V& v) { t.config.forward_proposals = truth(v[0]); }},
    Option{"append-entries", [](T& t, const V& v) { t.config.append_entries_max = count(v); }},
    Option{"append-bytes", [](T& t, const V& v) { t.config.append_bytes_max = number(v[0]); }},
    Option{"uncommitted-bytes",
           [](T& t, const V& v) { t.config.uncommitted_bytes_max = number(v[0]); }},
    Option{"snapshot-bytes",
           [](T& t, const V& v) {
             t.snapshots_have_size = true;
             t.snapshot_bytes_min = count(v);
           }},
    Option{"snapshot-chunk-bytes",
           [](T& t, const V& v) {
             t.snapshots_have_size = true;
             t.config.snapshot_chunk_bytes_max = count(v);
           }},
    Option{"snapshots-by-hand", [](T& t, const V& v) { t.snapshots_by_hand = truth(v[0]); }},
    Option{"clock-drift-ppm",
           [](T& t, const V& v) {
             t.config.clock_drift_ppm_max = static_cast<std::uint32_t>(number(v[0], kDriftPpmMax));
           }},
    Option{"message-version", [](T& t, const V& v) { t.message_version = message_version(v[0]); }},
    Option{"zones", [](T& t, const V& v) { assign(t.config.zones, v); }},
    Option{"zone-loss", [](T& t, const V& v) { t.config.zone_loss = zone_loss(v[0]); }},
    Option{"priorities", [](T& t, const V& v) { assign(t.config.priorities, v); }},
};

}  // namespace

raft::ZoneLossPolicy zone_loss(absl::string_view text) {
  if (text == "wait") return raft::ZoneLossPolicy::kWait;
  if (text == "degrade") return raft::ZoneLossPolicy::kDegrade;
  throw BadCommand(absl::StrCat("a zone's loss is wait or degrade, not \"", text, "\""));
}

NodeTemplate node_template(const Command& add_nodes) {
  NodeTemplate as{.config = plain_config(), .snapshot = {}, .content = {}};
  for (const Argument& argument : add_nodes.arguments) {
    if (argument.values.empty()) continue;
    const auto* option = std::ranges::find(kOptions, absl::string_view(argument.key), &Option::key);
    if (option == kOptions.end()) {
      throw BadCommand(absl::StrCat(
          "unknown option \"", argument.key, "=\"; known are ",
          absl::StrJoin(kOptions, ", ",
                        [](std::string* out, const Option& o) { absl::StrAppend(out, o.key); })));
    }
    option->set(as, argument.values);
  }
  return as;
}

}  // namespace ringroad::scenarios
