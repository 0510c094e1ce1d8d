// What is told of the programs attached to the node, by application id: ids are small numbers that
// are given out again, names would be anybody's to choose. An id that passes to another program
// starts again from 0, as counters may.
#include <algorithm>
#include <span>
#include <string>

#include "control/metrics/node_collector.h"

namespace ringroad::control {
namespace {

using Row = host::ApplicationsReport::Row;
using Field = std::uint64_t host::ChannelCounts::*;

struct OneWay {
  const char* name;
  const char* help;
  Field field;
};
constexpr OneWay kOneWay[] = {
    {"dist_application_refused_messages_total",
     "Messages of the program that were refused and handed back.",
     &host::ChannelCounts::messages_refused},
    {"dist_application_waited_messages_total",
     "Messages of the program that waited for room in the node's queue.",
     &host::ChannelCounts::messages_waited},
    {"dist_application_receive_busy_total",
     "Deliveries to the program that were put off: it reads too slowly.",
     &host::ChannelCounts::receive_busy},
    {"dist_application_violations_total",
     "Descriptors and indices in the program's rings that no library writes.",
     &host::ChannelCounts::violations},
    {"dist_application_wakeups_total", "Times the program was woken up.",
     &host::ChannelCounts::bells},
};

struct BothWays {
  const char* name;
  const char* help;
  Field sent, received;
};
constexpr BothWays kBothWays[] = {
    {"dist_application_messages_total", "Messages taken from the program, and handed to it.",
     &host::ChannelCounts::messages_taken, &host::ChannelCounts::messages_received},
    {"dist_application_bytes_total", "Bytes of these messages.", &host::ChannelCounts::bytes_taken,
     &host::ChannelCounts::bytes_received},
};

std::string id_of(const Row& row) { return std::to_string(row.application_id); }

void add_channel(const host::ApplicationsReport& report, FamilyList& families) {
  families.counter(
      "dist_host_events_total",
      "What happened at the socket that programs attach through: connections made, "
      "attached, detached, refused (versions, names, too many), malformed (said what "
      "no library says), late (too slow to attach), broken (garbage in the rings), and "
      "channels between local programs opened.");
  const auto event = [&](const char* name, std::uint64_t value) {
    families.add(value, {{"event", name}});
  };
  event("connected", report.connections);
  event("attached", report.attached);
  event("detached", report.detached);
  event("refused", report.refused);
  event("malformed", report.malformed);
  event("late", report.late);
  event("broken", report.broken);
  event("channel_opened", report.channels);
}

void add_programs(std::span<const Row> rows, FamilyList& families) {
  families.gauge("dist_applications", "Programs attached to the node.");
  families.add(std::uint64_t{rows.size()});
  families.gauge("dist_application_bindings", "Message types the program is bound to.");
  for (const Row& row : rows) {
    families.add(std::uint64_t{row.binding_count}, {{"application_id", id_of(row)}});
  }
  for (const BothWays& counter : kBothWays) {
    families.counter(counter.name, counter.help);
    for (const Row& row : rows) {
      families.add(row.counts.*counter.sent, {{"application_id", id_of(row)}, {"type", "sent"}});
      families.add(row.counts.*counter.received,
                   {{"application_id", id_of(row)}, {"type", "received"}});
    }
  }
  for (const OneWay& counter : kOneWay) {
    families.counter(counter.name, counter.help);
    for (const Row& row : rows) {
      families.add(row.counts.*counter.field, {{"application_id", id_of(row)}});
    }
  }
  families.counter("dist_application_outcomes_total", "How messages of the program ended.");
  for (const Row& row : rows) {
    for (const OutcomeLabel& outcome : kOutcomes) {
      families.add(row.counts.outcomes[static_cast<std::size_t>(outcome.outcome)],
                   {{"application_id", id_of(row)}, {"outcome", outcome.label}});
    }
  }
}

}  // namespace

void add_application_families(const host::ApplicationsReport& report, FamilyList& families) {
  add_channel(report, families);
  add_programs({report.rows, std::min(report.count, kApplicationsMax)}, families);
}

}  // namespace ringroad::control
