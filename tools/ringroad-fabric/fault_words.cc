#include "tools/ringroad-fabric/fault_words.h"

#include <algorithm>
#include <vector>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-fabric/words.h"

namespace ringroad::fabric {
namespace {

constexpr std::string_view kShare = "a share of frames: 1%, 0.5%, 200ppm or 0";
constexpr std::string_view kDuration = "a time up to an hour: 250ns, 50us, 1.5ms, 2s or 0";
constexpr std::array<FaultWord, 9> kWords = {{
    {"loss", kShare, "frames that vanish"},
    {"corrupt", kShare, "frames with one bit flipped"},
    {"duplicate", kShare, "frames that arrive twice"},
    {"reorder", kShare, "frames held back, so that later ones overtake them"},
    {"reorder-delay", kDuration, "how long those are held back (100us)"},
    {"delay", kDuration, "added to every frame, order kept"},
    {"jitter", kDuration, "up to this much more, at random, order kept"},
    {"rate", "bits a second up to 1T: 10G, 100M, 64k, or 0 for no limit", "a wire of this speed"},
    {"queue", "bytes, 1 to 1G: 64K, 4M", "what may wait for that wire; more is dropped (512K)"},
}};

absl::StatusOr<std::optional<PortId>> parse_end(std::string_view text, std::size_t ports,
                                                std::string_view whole) {
  if (text == "*") return std::optional<PortId>{};
  const auto number = parse_count(text, ports);
  if (!number || *number == 0) {
    return absl::InvalidArgumentError(cat("\"", whole.substr(0, 64), "\": \"", text.substr(0, 64),
                                          "\" is not a port (1 to ", ports, ", or * for all)"));
  }
  return std::optional<PortId>{PortId{static_cast<std::uint8_t>(*number)}};
}

template <typename Value, typename Target>
bool assign(const std::optional<Value>& value, Target& target) {
  if (value) target = static_cast<Target>(*value);
  return value.has_value();
}

bool assign_word(std::string_view name, std::string_view value, FaultSettings& s) {
  if (name == "loss") return assign(parse_ppm(value), s.loss_ppm);
  if (name == "corrupt") return assign(parse_ppm(value), s.corrupt_ppm);
  if (name == "duplicate") return assign(parse_ppm(value), s.duplicate_ppm);
  if (name == "reorder") return assign(parse_ppm(value), s.reorder_ppm);
  if (name == "reorder-delay") return assign(parse_duration(value), s.reorder_delay);
  if (name == "delay") return assign(parse_duration(value), s.delay);
  if (name == "jitter") return assign(parse_duration(value), s.jitter);
  if (name == "rate") return assign(parse_bits_per_s(value), s.rate_bits_per_s);
  const auto bytes = parse_bytes(value);
  return bytes && *bytes >= 1 && *bytes <= (1u << 30) && assign(bytes, s.queue_bytes);
}

}  // namespace

std::span<const FaultWord> fault_words() { return kWords; }

absl::StatusOr<Direction> parse_direction(std::string_view text, std::size_t ports) {
  if (text == "all") return Direction{};
  for (const std::string_view arrow : {"<->", "->", ":"}) {
    const std::size_t at = text.find(arrow);
    if (at == std::string_view::npos) continue;
    const auto from = parse_end(text.substr(0, at), ports, text);
    if (!from.ok()) return from.status();
    const auto to = parse_end(text.substr(at + arrow.size()), ports, text);
    if (!to.ok()) return to.status();
    if (*from && *from == *to) {
      return absl::InvalidArgumentError(
          cat("\"", text, "\" names one port twice; a direction joins two different ports"));
    }
    return Direction{*from, *to, arrow == "<->"};
  }
  return absl::InvalidArgumentError(
      cat("\"", text.substr(0, 64),
          "\" is not a direction (one of: all, 1->2, 1<->2, *->2; in a shell quote it: "
          "'1->2', or write 1:2)"));
}

absl::Status apply_fault(std::string_view text, FaultSettings& settings) {
  if (text == "none") {
    settings = FaultSettings{};
    return absl::OkStatus();
  }
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const auto word = std::find_if(kWords.begin(), kWords.end(),
                                 [&](const FaultWord& w) { return w.name == name; });
  if (word == kWords.end()) {
    std::vector<std::string_view> known;
    for (const FaultWord& w : kWords) known.push_back(w.name);
    known.push_back("none");
    return absl::InvalidArgumentError(unknown_word(name, "fault", known));
  }
  if (equals == std::string_view::npos) {
    return absl::InvalidArgumentError(cat(name, ": wants a value, ", name, "=", word->expected));
  }
  const std::string_view value = text.substr(equals + 1);
  if (!assign_word(name, value, settings)) {
    return absl::InvalidArgumentError(
        cat(name, ": \"", value.substr(0, 64), "\" is not ", word->expected));
  }
  return absl::OkStatus();
}

absl::Status set_faults(Faults& faults, std::size_t ports, const Direction& direction,
                        std::span<const std::string_view> words) {
  // Tried out first, so that a mistake in the last word leaves nothing half done.
  FaultSettings trial;
  for (const std::string_view word : words) {
    if (absl::Status status = apply_fault(word, trial); !status.ok()) return status;
  }
  for_each_pair(direction, ports, [&](PortId from, PortId to) {
    FaultSettings settings = faults.settings(from, to);
    for (const std::string_view word : words) apply_fault(word, settings).IgnoreError();
    faults.set(from, to, settings);
  });
  return absl::OkStatus();
}

void set_partitioned(Faults& faults, std::size_t ports, const Direction& direction,
                     bool partitioned) {
  for_each_pair(direction, ports, [&](PortId from, PortId to) {
    FaultSettings settings = faults.settings(from, to);
    settings.partitioned = partitioned;
    faults.set(from, to, settings);
  });
}

std::string format_faults(const FaultSettings& s) {
  const FaultSettings none;
  std::vector<std::string> words;
  const auto add = [&](std::string_view name, bool differs, std::string value) {
    if (differs) words.push_back(cat(name, "=", value));
  };
  add("loss", s.loss_ppm != 0, format_ppm(s.loss_ppm));
  add("corrupt", s.corrupt_ppm != 0, format_ppm(s.corrupt_ppm));
  add("duplicate", s.duplicate_ppm != 0, format_ppm(s.duplicate_ppm));
  add("reorder", s.reorder_ppm != 0, format_ppm(s.reorder_ppm));
  add("reorder-delay", s.reorder_delay != none.reorder_delay, format_duration(s.reorder_delay));
  add("delay", s.delay != none.delay, format_duration(s.delay));
  add("jitter", s.jitter != none.jitter, format_duration(s.jitter));
  add("rate", s.rate_bits_per_s != 0, format_bits_per_s(s.rate_bits_per_s));
  add("queue", s.queue_bytes != none.queue_bytes, cat(s.queue_bytes));
  if (s.partitioned) words.emplace_back("partitioned");
  return join(words, " ");
}

}  // namespace ringroad::fabric
