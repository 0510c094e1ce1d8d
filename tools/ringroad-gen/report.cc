#include "tools/ringroad-gen/report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/ringroad-gen/measured_limits.h"
#include "tools/ringroad-gen/quantity.h"

namespace ringroad::gen {
namespace {

constexpr const char* kPlain = "plain: NOT encrypted";

std::string nodes_text(const RunFacts& facts) {
  const auto ids = absl::StrJoin(
      facts.to, ", ", [](std::string* out, NodeId node) { absl::StrAppend(out, node.value); });
  const char* noun = facts.to.size() == 1 ? "node " : "nodes ";
  return absl::StrCat(facts.broadcast ? "broadcast to " : "", noun, ids);
}

std::string sizes_text(const SizeMix& sizes) {
  if (sizes.parts().size() == 1) return absl::StrCat(with_commas(sizes.smallest()), " B");
  return absl::StrCat(absl::StrJoin(sizes.parts(), ",",
                                    [](std::string* out, const SizeMix::Part& part) {
                                      absl::StrAppend(out, part.bytes, ":", part.weight);
                                    }),
                      absl::StrFormat(" B (mean %.0f)", sizes.mean()));
}

std::string medium_text(const RunFacts& facts) {
  return facts.medium.empty() ? "medium not known (name the node's file with --node)"
                              : facts.medium;
}

std::string latency_text(const Histogram& h) {
  return absl::StrCat("p50 ", time_text(h.quantile(0.5)), "  p90 ", time_text(h.quantile(0.9)),
                      "  p95 ", time_text(h.quantile(0.95)), "  p99 ", time_text(h.quantile(0.99)),
                      "  p99.9 ", time_text(h.quantile(0.999)), "  max ", time_text(h.max()));
}

std::string latency_line(const Summary& total) {
  switch (total.latency_kind) {
    case LatencyKind::kNone:
      return "latency not known: nothing came back that could be timed\n";
    case LatencyKind::kOneWay:
      return absl::StrCat("latency (one way, same clock, from intended send time)  ",
                          latency_text(total.latency), "\n");
    case LatencyKind::kToOutcome:
      return absl::StrCat("latency (from intended send time until its outcome was back)  ",
                          latency_text(total.latency), "\n");
    case LatencyKind::kRoundTrip:
      return absl::StrCat("round trip  ", latency_text(total.latency), "\n");
  }
  return {};
}

std::string limit_line(const Summary& total, const RunFacts& facts) {
  if (facts.mode != Mode::kRun) return {};
  if (facts.limit_msgs_per_s <= 0 && !facts.limit_unknown.empty()) {
    return absl::StrCat("limit   unknown: ", facts.limit_unknown, "\n");
  }
  if (facts.limit_msgs_per_s <= 0) {
    return absl::StrCat(
        "limit   unknown for this medium and size; measure with perf/run --json --only ",
        Limits::row_name(facts.sizes.largest()),
        " > FILE, then give it as --limits FILE or --limit-msgs\n");
  }
  const std::string source =
      facts.limit_source.empty() ? "as given" : "measured with: " + facts.limit_source;
  return absl::StrFormat(
      "limit   this medium carries %s msg/s of this size on one core (%s); used "
      "%.0f %%\n",
      rate_text(facts.limit_msgs_per_s), source,
      100 * total.messages_per_s() / facts.limit_msgs_per_s);
}

std::string verification_text(const Summary& total, const RunFacts& facts) {
  if (!total.by_receiver) return "by outcomes; no generator receives there to verify payloads";
  if (facts.mode == Mode::kPingpong) return "stamps verified";
  switch (facts.verify) {
    case Verify::kOff:
      return "payloads not looked at";
    case Verify::kStamp:
      return "stamps verified";
    case Verify::kFull:
      return "every byte verified where the receiver does too";
  }
  return {};
}

std::string generator_line(const Summary& total, const RunFacts& facts) {
  switch (total.generator_limit) {
    case GeneratorLimit::kNone:
      return {};
    case GeneratorLimit::kLate:
      return absl::StrFormat(
          "generator-limited: %s of %s messages (%.1f %%) left over %s late, up to %s, though the "
          "node had refused none\n",
          with_commas(total.late), with_commas(total.payloads),
          100 * static_cast<double>(total.late) / static_cast<double>(total.payloads),
          time_text(static_cast<std::uint64_t>(TrafficSource::kLateAfter.count)),
          time_text(total.late_ns_max));
    case GeneratorLimit::kTooSlow:
      return absl::StrFormat(
          "generator-limited: %s msg/s of the %s offered left (%.1f %% less), though the node "
          "refused next to nothing\n",
          rate_text(total.payloads_per_s), rate_text(static_cast<double>(facts.rate_per_s)),
          100 * (1 - total.payloads_per_s / static_cast<double>(facts.rate_per_s)));
    case GeneratorLimit::kIdle:
      return "generator-limited: the node took everything at once; it could do more\n";
  }
  return {};
}

// What a reader must know before believing the figures.
std::string remarks(const Summary& total, const RunFacts& facts) {
  std::string text = generator_line(total, facts);
  if (total.by_receiver && total.reports_missing && facts.mode == Mode::kRun) {
    absl::StrAppend(&text, "incomplete: not every receiver gave its final count\n");
  }
  if (total.unresolved > 0 && facts.mode == Mode::kRun) {
    absl::StrAppend(&text, "incomplete: ", with_commas(total.unresolved),
                    " messages have no outcome\n");
  }
  if (total.no_receiver > 0) {
    absl::StrAppend(
        &text, "no receiver: ", with_commas(total.no_receiver),
        " messages found nothing bound to their type; start there: ringroad-gen sink\n");
  }
  return text;
}

nlohmann::ordered_json latency_json(const Summary& total) {
  const Histogram& h = total.latency;
  const auto value = [&](std::uint64_t nanos) {
    return h.count() == 0 ? nlohmann::ordered_json{} : nlohmann::ordered_json(nanos);
  };
  return {{"p50", value(h.quantile(0.5))},    {"p90", value(h.quantile(0.9))},
          {"p95", value(h.quantile(0.95))},   {"p99", value(h.quantile(0.99))},
          {"p999", value(h.quantile(0.999))}, {"max", value(h.max())}};
}

nlohmann::ordered_json limit_json(const Summary& total, const RunFacts& facts) {
  nlohmann::ordered_json limit;
  const bool known = facts.limit_msgs_per_s > 0;
  limit["msgs_per_s"] =
      known ? nlohmann::ordered_json(facts.limit_msgs_per_s) : nlohmann::ordered_json{};
  limit["source"] = facts.limit_source.empty() ? nlohmann::ordered_json{}
                                               : nlohmann::ordered_json(facts.limit_source);
  limit["used"] = known ? nlohmann::ordered_json(total.messages_per_s() / facts.limit_msgs_per_s)
                        : nlohmann::ordered_json{};
  limit["generator_limited"] = total.generator_limit != GeneratorLimit::kNone;
  return limit;
}

nlohmann::ordered_json environment_json(const Summary& total, const RunFacts& facts) {
  nlohmann::ordered_json to = nlohmann::ordered_json::array();
  for (const NodeId node : facts.to) to.push_back(node.value);
  return {{"node", facts.self.value},
          {"to", to},
          {"broadcast", facts.broadcast},
          {"inline", facts.is_inline},
          {"offered_msgs_per_s", facts.rate_per_s},
          {"verify", name_of(facts.verify)},
          {"counted_by", total.by_receiver ? "receiver" : "outcomes"},
          {"latency_kind", name_of(total.latency_kind)},
          {"medium", facts.medium},
          {"encrypted", false},
          {"cpu_model", facts.machine.cpu_model},
          {"cpus", facts.machine.cpus},
          {"ghz", facts.machine.ghz},
          {"avx512", facts.machine.avx512},
          {"hugepages", facts.machine.hugepages}};
}

}  // namespace

std::string heading(const RunFacts& facts) {
  std::string text = absl::StrCat("node ", facts.self.value);
  if (facts.mode == Mode::kSink) {
    absl::StrAppend(&text, " receives, reports to senders and answers pings");
  } else {
    absl::StrAppend(&text, facts.mode == Mode::kPingpong ? " <-> " : " -> ", nodes_text(facts),
                    "   ", sizes_text(facts.sizes));
  }
  if (facts.mode == Mode::kRun) {
    absl::StrAppend(&text, "   ",
                    facts.rate_per_s == 0
                        ? "as fast as possible"
                        : rate_text(static_cast<double>(facts.rate_per_s)) + " msg/s offered");
  }
  absl::StrAppend(&text, "   ", medium_text(facts), ", ", kPlain,
                  "\nmachine: ", describe(facts.machine),
                  facts.is_inline ? "; inline on the io lcore\n" : "\n");
  absl::StrAppendFormat(&text, "%5s %10s %10s %7s %7s %8s %8s %8s %8s\n", "s", "sent/s", "recv/s",
                        "Gb/s", "lost", "p50", "p99", "p99.9", "max");
  return text;
}

std::string progress_line(std::uint64_t second, const Summary& interval) {
  const Histogram& h = interval.latency;
  const auto quantile = [&h](double q) {
    return h.count() == 0 ? std::string{"-"} : time_text(h.quantile(q));
  };
  const double sent_per_s =
      interval.duration_s > 0 ? static_cast<double>(interval.sent) / interval.duration_s : 0;
  return absl::StrFormat("%5d %10s %10s %7.2f %7d %8s %8s %8s %8s\n", second, rate_text(sent_per_s),
                         rate_text(interval.messages_per_s()), interval.goodput_bits_per_s() * 1e-9,
                         interval.lost, quantile(0.5), quantile(0.99), quantile(0.999),
                         quantile(1.0));
}

std::string final_table(const Summary& total, const RunFacts& facts) {
  std::string text = absl::StrFormat(
      "total   %s sent, %s received, %s lost, %s duplicated, %s reordered, %s corrupt (%s)\n",
      with_commas(total.sent), with_commas(total.received), with_commas(total.lost),
      with_commas(total.duplicated), with_commas(total.reordered), with_commas(total.corrupted),
      verification_text(total, facts));
  absl::StrAppendFormat(&text,
                        "rate    %s msg/s, %.3f Gb/s of payload over %.2f s; %.0f %% of a CPU\n",
                        rate_text(total.messages_per_s()), total.goodput_bits_per_s() * 1e-9,
                        total.duration_s, 100 * total.cpu_share);
  absl::StrAppend(&text, latency_line(total), limit_line(total, facts), remarks(total, facts));
  return text;
}

std::string to_json(const Summary& total, const RunFacts& facts) {
  nlohmann::ordered_json json;
  json["schema_version"] = kJsonSchemaVersion;
  json["mode"] = name_of(facts.mode);
  if (facts.sizes.parts().size() == 1) {
    json["size_bytes"] = facts.sizes.smallest();
  } else {
    json["size_bytes"] = facts.sizes.mean();
  }
  json["duration_s"] = total.duration_s;
  json["sent"] = total.sent;
  json["received"] = total.received;
  json["lost"] = total.lost;
  json["duplicated"] = total.duplicated;
  json["reordered"] = total.reordered;
  json["corrupted"] = total.corrupted;
  json["msgs_per_s"] = total.messages_per_s();
  json["goodput_bits_per_s"] = total.goodput_bits_per_s();
  json["cpu_share"] = total.cpu_share;
  json["latency_ns"] = latency_json(total);
  json["limit"] = limit_json(total, facts);
  json["environment"] = environment_json(total, facts);
  return json.dump() + "\n";
}

}  // namespace ringroad::gen
