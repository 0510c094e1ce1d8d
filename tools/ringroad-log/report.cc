#include "tools/ringroad-log/report.h"

#include <map>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "consensus/log/segment_scan.h"

namespace ringroad::log_tool {

namespace {

using nlohmann::json;
using namespace raft;
using namespace raft::durable;

json nodes_json(NodeSet nodes) {
  json list = json::array();
  for (const NodeId node : nodes) list.push_back(node.value);
  return list;
}

json configuration_json(const ConfState& state) {
  return {{"voters", nodes_json(state.voters)},
          {"learners", nodes_json(state.learners)},
          {"voters_outgoing", nodes_json(state.voters_outgoing)},
          {"learners_next", nodes_json(state.learners_next)},
          {"auto_leave", state.auto_leave}};
}

json range_json(IndexRange range) {
  return {{"first", range.first.value}, {"last", range.last.value}};
}

json hard_state_json(const HardState& state) {
  return {{"term", state.term.value}, {"vote", state.vote.value}, {"commit", state.commit.value}};
}

json damage_json(const Damage& damage) {
  json object = {{"file", damage.file}, {"offset", damage.offset}, {"what", damage.what}};
  if (damage.entries.first <= damage.entries.last) object["entries"] = range_json(damage.entries);
  return object;
}

json segments_json(const Recovered& found) {
  json list = json::array();
  for (const UsedSegment& segment : found.segments) {
    const bool is_active = &segment == &found.segments.back();
    list.push_back({{"file", segment_name(segment.epoch)},
                    {"epoch", segment.epoch},
                    {"position", segment.base},
                    {"size_bytes", segment.bytes},
                    {"highest_index", segment.highest.value},
                    {"state", is_active ? "active" : "full"}});
    if (is_active) list.back()["used_bytes"] = found.offset;
  }
  for (const SegmentFile& segment : found.ahead) {
    list.push_back({{"file", segment_name(segment.epoch)},
                    {"epoch", segment.epoch},
                    {"size_bytes", segment.bytes},
                    {"state", "ahead"}});
  }
  return list;
}

json record_json(const SegmentScan& scan, BodyResult body) {
  const RecordHeader& h = scan.header();
  json object = {{"offset", scan.offset()},
                 {"kind", std::string{name_of(h.kind)}},
                 {"sequence", h.sequence},
                 {"bytes", h.bytes()},
                 {"durable", h.durable},
                 {"hard_state", hard_state_json(h.hard_state)},
                 {"last_index", h.last.index.value},
                 {"last_term", h.last.term.value},
                 {"body", std::string{name_of(body)}}};
  if (h.kind == RecordKind::kEntries) {
    object["first_index"] = h.first_index.value;
    object["entries"] = h.entries;
    object["plain_bytes"] = h.plain_bytes;
    object["stored_bytes"] = h.stored_bytes;
  }
  if (h.rewinds_log()) object["replaces"] = true;
  return object;
}

std::string number(const json& value) { return std::to_string(value.get<std::uint64_t>()); }

std::string range_text(const json& range) {
  return absl::StrCat(number(range["first"]), " to ", number(range["last"]));
}

std::string nodes_text(const json& nodes) {
  std::string text;
  for (const json& node : nodes) absl::StrAppend(&text, text.empty() ? "" : " ", number(node));
  return text.empty() ? "none" : text;
}

std::string damage_text(const json& damage) {
  std::string text =
      absl::StrCat(damage["file"].get<std::string>(), " at ", number(damage["offset"]), ": ",
                   damage["what"].get<std::string>());
  if (damage.contains("entries")) {
    absl::StrAppend(&text, "; entries ", range_text(damage["entries"]));
  }
  return text;
}

void line(std::ostream& out, const std::string& name, const std::string& value) {
  out << absl::StrFormat("%-14s %s\n", name, value);
}

void print_state(const json& report, std::ostream& out) {
  const json& entries = report["entries"];
  if (entries["first_index"].get<std::uint64_t>() > entries["last_index"].get<std::uint64_t>()) {
    line(out, "entries", absl::StrCat("none behind ", number(entries["base_index"])));
  } else {
    line(out, "entries",
         absl::StrCat(number(entries["first_index"]), " to ", number(entries["last_index"]),
                      ", the last of term ", number(entries["last_term"])));
  }
  if (report["hard_state"].is_null()) {
    line(out, "hard state", "not known: this node must not vote until it is admitted anew");
  } else {
    const json& hard = report["hard_state"];
    line(out, "hard state",
         absl::StrCat("term ", number(hard["term"]), ", vote ",
                      hard["vote"] == 0 ? "for nobody" : "for node " + number(hard["vote"]),
                      ", commit ", number(hard["commit"])));
  }
  const json& configuration = report["configuration"];
  line(
      out, "configuration",
      absl::StrCat("voters ", nodes_text(configuration["voters"]), ", learners ",
                   nodes_text(configuration["learners"]), " (applied up to ",
                   number(configuration["index"]), ")",
                   configuration["is_certain"] == true ? "" : ", and a later one is not readable"));
  const json& snapshot = report["snapshot"];
  line(out, "snapshot",
       snapshot.is_null() ? "none"
                          : absl::StrCat("up to ", number(snapshot["index"]), " of term ",
                                         number(snapshot["term"]), ", ",
                                         number(snapshot["size_bytes"]), " bytes"));
  if (report["awaited_index"].get<std::uint64_t>() > 0) {
    line(out, "awaits",
         absl::StrCat("entry ", number(report["awaited_index"]),
                      ": this node does not vote before it has it again"));
  }
}

void print_records(const json& records, std::ostream& out) {
  std::string file;
  for (const json& record : records) {
    if (record["file"] != file) {
      file = record["file"].get<std::string>();
      out << "\n" << file << "\n";
      out << absl::StrFormat("%10s %10s %-14s %8s %10s %10s  %s\n", "offset", "sequence", "kind",
                             "bytes", "term", "last", "");
    }
    if (record.contains("error")) {
      out << "  " << record["error"].get<std::string>() << "\n";
      continue;
    }
    std::string text;
    if (record.contains("first_index")) {
      text = absl::StrCat(number(record["entries"]), " from ", number(record["first_index"]));
    }
    if (record.contains("replaces")) absl::StrAppend(&text, " (replaces)");
    if (record["body"] != "intact") {
      absl::StrAppend(&text, " DAMAGED: ", record["body"].get<std::string>());
    }
    out << absl::StrFormat("%10s %10s %-14s %8s %10s %10s  %s\n", number(record["offset"]),
                           number(record["sequence"]), record["kind"].get<std::string>(),
                           number(record["bytes"]), number(record["hard_state"]["term"]),
                           number(record["last_index"]), text);
  }
}

}  // namespace

json to_json(const Recovered& found) {
  json report = {{"standing", name_of(found.standing)}};
  if (!found.why.empty()) report["why"] = found.why;
  report["identity"] = nullptr;
  if (!found.identity.cluster.empty()) {
    report["identity"] = {{"cluster", found.identity.cluster},
                          {"node", found.identity.node.value},
                          {"incarnation", found.identity.incarnation}};
  }
  report["hard_state"] = nullptr;
  if (found.hard_state) report["hard_state"] = hard_state_json(*found.hard_state);
  report["entries"] = {{"base_index", found.snapshot.index.value},
                       {"first_index", found.first_index().value},
                       {"last_index", found.last_index().value},
                       {"last_term", found.state.last.term.value},
                       {"intact_up_to", found.intact_last().value}};
  report["awaited_index"] = found.state.awaited.value;
  report["configuration"] = configuration_json(found.state.configuration.state);
  report["configuration"]["index"] = found.state.configuration.index.value;
  report["configuration"]["is_certain"] = found.configuration_is_certain;
  report["snapshot"] = nullptr;
  if (!found.snapshot.empty()) {
    report["snapshot"] = {{"index", found.snapshot.index.value},
                          {"term", found.snapshot.term.value},
                          {"size_bytes", found.snapshot.size_bytes},
                          {"configuration", configuration_json(found.snapshot.conf)}};
  }
  report["segments"] = segments_json(found);
  report["faulty"] = json::array();
  for (const IndexRange& range : found.faulty) report["faulty"].push_back(range_json(range));
  report["damages"] = json::array();
  for (const Damage& damage : found.damages) report["damages"].push_back(damage_json(damage));
  report["cut"] = json::array();
  for (const CutExtent& cut : found.cut) {
    report["cut"].push_back(
        {{"file", segment_name(cut.epoch)}, {"from", cut.from}, {"to", cut.to}});
  }
  return report;
}

json records_json(FileSystem& files, const Recovered& found) {
  json records = json::array();
  std::vector<std::byte> scratch;
  for (const UsedSegment& used : found.segments) {
    const std::string name = segment_name(used.epoch);
    auto bytes = read_whole(files, name, kSegmentBytesMax);
    if (!bytes.ok()) {
      records.push_back({{"file", name}, {"error", std::string{bytes.status().message()}}});
      continue;
    }
    const SegmentBytes segment{std::move(*bytes), {}};
    SegmentScan scan(segment, used.epoch, used.base);
    while (scan.next()) {
      std::span<const std::byte> plain;
      const BodyResult body = read_body(scan.header(), scan.record(), scratch, plain);
      records.push_back(record_json(scan, body));
      records.back()["file"] = name;
    }
  }
  return records;
}

json to_json(const Entry& entry) {
  static constexpr const char* kTypes[] = {"normal", "conf_change", "conf_change_v2"};
  const std::string payload(reinterpret_cast<const char*>(entry.data), entry.size_bytes);
  return {{"index", entry.index.value},
          {"term", entry.term.value},
          {"type", kTypes[static_cast<std::size_t>(entry.type)]},
          {"size_bytes", entry.size_bytes},
          {"payload_base64", absl::Base64Escape(payload)}};
}

std::string describe(const Damage& damage) { return damage_text(damage_json(damage)); }

void print(const json& report, std::ostream& out) {
  const std::string standing = report["standing"].get<std::string>();
  line(out, "folder",
       report.contains("why") ? absl::StrCat(standing, ": ", report["why"].get<std::string>())
                              : standing);
  if (!report["identity"].is_null()) {
    const json& identity = report["identity"];
    line(out, "node",
         absl::StrCat(number(identity["node"]), " of cluster ",
                      absl::CEscape(identity["cluster"].get<std::string>()), ", incarnation ",
                      number(identity["incarnation"])));
  }
  if (standing == "known") print_state(report, out);
  if (!report["segments"].empty()) {
    out << absl::StrFormat("\n%-26s %-8s %12s %12s %14s\n", "segment", "state", "bytes", "used",
                           "highest index");
    for (const json& segment : report["segments"]) {
      const auto cell = [&segment](const char* key) {
        return segment.contains(key) ? number(segment[key]) : std::string{"-"};
      };
      out << absl::StrFormat("%-26s %-8s %12s %12s %14s\n", segment["file"].get<std::string>(),
                             segment["state"].get<std::string>(), cell("size_bytes"),
                             cell("used_bytes"), cell("highest_index"));
    }
  }
  for (const json& cut : report["cut"]) {
    out << "torn tail: " << cut["file"].get<std::string>() << " from " << number(cut["from"])
        << " to " << number(cut["to"]) << ", never acknowledged\n";
  }
  for (const json& range : report["faulty"]) {
    out << "faulty: entries " << range_text(range) << "\n";
  }
  for (const json& damage : report["damages"]) out << "damaged: " << damage_text(damage) << "\n";
  if (report.contains("records")) print_records(report["records"], out);
}

}  // namespace ringroad::log_tool
