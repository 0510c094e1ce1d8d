#include "tools/ringroad-fabric/commands.h"

#include <array>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tools/ringroad-fabric/fault_words.h"
#include "tools/ringroad-fabric/report.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-fabric/words.h"

namespace ringroad::fabric {
namespace {

using nlohmann::json;
using Words = std::span<const std::string_view>;
using Answer = absl::StatusOr<json>;

struct Context {
  Fabric& fabric;
  Nanos now;
  Nanos wall_clock_offset;
};

absl::Status refuse(std::string_view command, std::string_view why) {
  return absl::InvalidArgumentError(cat(command, ": ", why));
}

Answer show(Words words, const Context& context) {
  constexpr std::array<std::string_view, 4> kSubjects = {"ports", "faults", "macs", "capture"};
  if (words.size() != 1) return refuse("show", "wants one of: ports, faults, macs, capture");
  if (words[0] == "ports") return report_ports(context.fabric);
  if (words[0] == "faults") return report_faults(context.fabric);
  if (words[0] == "macs") return report_macs(context.fabric, context.now);
  if (words[0] == "capture") return report_capture(context.fabric);
  return refuse("show", unknown_word(words[0], "subject", kSubjects));
}

Answer set(Words words, const Context& context) {
  if (words.size() < 2) {
    return refuse("set", "wants a direction and faults, as in: set 1->2 loss=1% delay=50us");
  }
  Fabric& fabric = context.fabric;
  const auto direction = parse_direction(words[0], fabric.ports());
  if (!direction.ok()) return refuse("set", message_of(direction.status()));
  const absl::Status status =
      set_faults(fabric.faults(), fabric.ports(), *direction, words.subspan(1));
  if (!status.ok()) return refuse("set", message_of(status));
  return json::object();
}

Answer set_partition(Words words, const Context& context, bool partitioned) {
  const std::string_view command = partitioned ? "partition" : "heal";
  if (words.size() > 1 || (partitioned && words.empty())) {
    return refuse(command, "wants one direction, as in: partition 1->2 or partition 1<->2");
  }
  Fabric& fabric = context.fabric;
  const auto direction = parse_direction(words.empty() ? "all" : words[0], fabric.ports());
  if (!direction.ok()) return refuse(command, message_of(direction.status()));
  set_partitioned(fabric.faults(), fabric.ports(), *direction, partitioned);
  return json::object();
}

absl::StatusOr<CaptureRequest> parse_capture(Words words, std::size_t ports) {
  CaptureRequest request{.path = std::string(words[0]), .port = {}};
  for (std::size_t i = 1; i < words.size(); i += 2) {
    constexpr std::array<std::string_view, 3> kBounds = {"port", "packets", "bytes"};
    const std::string_view name = words[i];
    const std::string_view value = i + 1 < words.size() ? words[i + 1] : "";
    const auto bad = [&](std::string_view expected) {
      return refuse("capture", cat(name, ": \"", value, "\" is not ", expected));
    };
    if (name == "port") {
      const auto port = parse_count(value, ports);
      if (!port || *port == 0) return bad(cat("a port (1 to ", ports, ")"));
      request.port = PortId{static_cast<std::uint8_t>(*port)};
    } else if (name == "packets") {
      const auto count = parse_count(value, std::numeric_limits<std::uint64_t>::max());
      if (!count || *count == 0) return bad("a number of packets of at least 1");
      request.frames_max = *count;
    } else if (name == "bytes") {
      const auto bytes = parse_bytes(value);
      if (!bytes || *bytes == 0) return bad("a size such as 64K, 16M or 1G");
      request.bytes_max = *bytes;
    } else {
      return refuse("capture", unknown_word(name, "bound", kBounds));
    }
  }
  return request;
}

Answer capture(Words words, const Context& context) {
  Fabric& fabric = context.fabric;
  if (words.empty()) {
    return refuse("capture", "wants a file, as in: capture /tmp/a.pcap port 1, or: capture stop");
  }
  if (words.size() == 1 && ends_capture(words[0])) {
    fabric.capture().stop();
    return report_capture(fabric);
  }
  const auto request = parse_capture(words, fabric.ports());
  if (!request.ok()) return request.status();
  const absl::Status status =
      fabric.capture().start(*request, fabric.limits().frame_bytes_max, context.wall_clock_offset);
  if (!status.ok()) return status;
  return report_capture(fabric);
}

Answer seed(Words words, const Context& context) {
  const auto value = words.size() == 1
                         ? parse_count(words[0], std::numeric_limits<std::uint64_t>::max())
                         : std::nullopt;
  if (!value) return refuse("seed", "wants one whole number, as in: seed 42");
  context.fabric.faults().reseed(*value);
  return json{{"seed", *value}};
}

Answer help() {
  json faults = json::object();
  for (const FaultWord& word : fault_words()) {
    faults[std::string(word.name)] = cat(word.meaning, "; ", word.expected);
  }
  return json{
      {"commands",
       {"show ports|faults|macs|capture", "set DIRECTION WORD=VALUE...|none", "partition DIRECTION",
        "heal [DIRECTION]", "capture FILE [port N] [packets N] [bytes N]", "capture stop|off",
        "seed N", "help"}},
      {"directions", {"all", "1->2", "1:2", "1<->2", "*->2", "1->*"}},
      {"faults", faults}};
}

Answer dispatch(Words words, const Context& context) {
  constexpr std::array<std::string_view, 7> kCommands = {"show",    "set",  "partition", "heal",
                                                         "capture", "seed", "help"};
  if (words.empty()) return absl::InvalidArgumentError("an empty line; try: help");
  const Words arguments = words.subspan(1);
  if (words[0] == "show") return show(arguments, context);
  if (words[0] == "set") return set(arguments, context);
  if (words[0] == "partition") return set_partition(arguments, context, true);
  if (words[0] == "heal") return set_partition(arguments, context, false);
  if (words[0] == "capture") return capture(arguments, context);
  if (words[0] == "seed") return seed(arguments, context);
  if (words[0] == "help") return help();
  return absl::InvalidArgumentError(unknown_word(words[0], "command", kCommands));
}

}  // namespace

std::string execute(std::string_view line, Fabric& fabric, Nanos now, Nanos wall_clock_offset) {
  const std::vector<std::string_view> words = split_words(line);
  const Answer answer = dispatch(words, {fabric, now, wall_clock_offset});
  json reply = answer.ok() ? *answer : json{{"error", message_of(answer.status())}};
  reply["ok"] = answer.ok();
  // What a client wrote may be no UTF-8; the answer always is.
  return reply.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace ringroad::fabric
