// registry get, put, delete, cas, range, watch, lease: the cluster's keys and values from this
// terminal, as a program of the node. A write is done once however often it had to be asked; keys
// and values are printed with what could command a terminal made harmless, and as they are in hex.
#include <array>

#include "absl/strings/escaping.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/registry_handle.h"
#include "tools/ringroad/units.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr std::uint32_t kPage = 256;
constexpr std::uint32_t kTurnMs = 200;  // between two looks at ctrl-C

std::uint32_t timeout_ms(const Session& session) {
  return static_cast<std::uint32_t>(session.timeout() * 1e3);
}

std::string_view view(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

json item_json(const dist_registry_item_t& item) {
  const std::string_view value = view(item.value, item.value_size);
  return {{"key", std::string(printable(view(item.key, item.key_size)))},
          {"value", std::string(printable(value))},
          {"value_hex", absl::BytesToHexString(fabric::to_absl(value))},
          {"created_revision", item.created},
          {"modified_revision", item.modified},
          {"version", item.version},
          {"lease", item.lease == 0 ? json(nullptr) : json(item.lease)}};
}

absl::StatusOr<dist_registry_consistency_t> consistency_of(const Given& given) {
  const std::string& word = given.text("--consistency");
  if (word == "stale") return DIST_REGISTRY_STALE;
  if (word == "lease") return DIST_REGISTRY_LEASE;
  return DIST_REGISTRY_LINEARIZABLE;
}

// The end of all keys that begin with `prefix`; empty: no end.
std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

absl::StatusOr<ExitCode> told(Session& session, const json& answer, const std::string& text) {
  if (session.is_json()) {
    json object = {{"schema_version", 1}};
    object.update(answer);
    session.print_json(object);
  } else {
    session.out.write(text + "\n");
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> get(Session& session, const Given& given) {
  const auto consistency = consistency_of(given);
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  const std::string& key = given.text("KEY");
  dist_registry_item_t item{};
  const auto error = dist_registry_get(registry->get(), key.data(), key.size(), *consistency,
                                       timeout_ms(session), &item);
  if (error == DIST_REGISTRY_NOT_FOUND) {
    return absl::NotFoundError(cat("registry: no key \"", printable(key), "\""));
  }
  if (error != DIST_REGISTRY_OK) return status_of(error);
  return told(session, item_json(item), std::string(view(item.value, item.value_size)));
}

absl::StatusOr<ExitCode> put(Session& session, const Given& given) {
  const auto lease = given.whole("--lease", 0, ~std::uint64_t{0}, 0);
  if (!lease.ok()) return lease.status();
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  const std::string& key = given.text("KEY");
  const std::string& value = given.text("VALUE");
  dist_registry_result_t result{};
  const auto error = dist_registry_put(registry->get(), key.data(), key.size(), value.data(),
                                       value.size(), *lease, timeout_ms(session), &result);
  if (error != DIST_REGISTRY_OK) return status_of(error);
  return told(session, {{"revision", result.revision}, {"version", result.version}},
              cat("revision ", result.revision, ", version ", result.version, " of the key"));
}

absl::StatusOr<ExitCode> remove(Session& session, const Given& given) {
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  const std::string& key = given.text("KEY");
  dist_registry_result_t result{};
  std::uint64_t deleted = 0;
  do {
    const std::string end = given.has("--prefix") ? end_of_prefix(key) : "";
    const auto error =
        given.has("--prefix")
            ? dist_registry_delete_range(registry->get(), key.data(), key.size(), end.data(),
                                         end.size(), timeout_ms(session), &result)
            : dist_registry_delete(registry->get(), key.data(), key.size(), timeout_ms(session),
                                   &result);
    if (error != DIST_REGISTRY_OK && error != DIST_REGISTRY_NOT_FOUND) return status_of(error);
    deleted += result.deleted;
  } while (result.more && session.interrupts.stop_signal() == 0);
  if (deleted == 0) {
    return absl::NotFoundError(cat("registry: no key ", given.has("--prefix") ? "begins with " : "",
                                   "\"", printable(key), "\""));
  }
  return told(session, {{"revision", result.revision}, {"deleted", deleted}},
              cat("deleted ", counted(deleted, "key"), ", revision ", result.revision));
}

absl::StatusOr<ExitCode> compare_and_swap(Session& session, const Given& given) {
  dist_registry_compare_t compare{};
  const int conditions = (given.has("--if-value") ? 1 : 0) + (given.has("--if-revision") ? 1 : 0) +
                         (given.has("--if-absent") ? 1 : 0);
  if (conditions != 1) {
    return absl::InvalidArgumentError(
        "registry cas: expected one of --if-value V, --if-revision N, --if-absent");
  }
  const std::string& expected = given.text("--if-value");
  compare.condition = given.has("--if-absent") ? dist_registry_compare_t::DIST_REGISTRY_IF_ABSENT
                      : given.has("--if-value")
                          ? dist_registry_compare_t::DIST_REGISTRY_IF_VALUE
                          : dist_registry_compare_t::DIST_REGISTRY_IF_REVISION;
  compare.expected = expected.data();
  compare.expected_size = expected.size();
  const auto revision = given.whole("--if-revision", 0, ~std::uint64_t{0}, 0);
  if (!revision.ok()) return revision.status();
  compare.revision = *revision;
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  const std::string& key = given.text("KEY");
  const std::string& value = given.text("VALUE");
  dist_registry_result_t result{};
  const auto error =
      dist_registry_compare_and_swap(registry->get(), key.data(), key.size(), &compare,
                                     value.data(), value.size(), 0, timeout_ms(session), &result);
  if (error == DIST_REGISTRY_COMPARE_FAILED) {
    return absl::FailedPreconditionError(
        cat("registry: \"", printable(key), "\" is not as expected, ",
            result.version == 0 ? std::string("it is not there")
                                : cat("its last change was at revision ", result.version)));
  }
  if (error != DIST_REGISTRY_OK) return status_of(error);
  return told(session, {{"revision", result.revision}, {"version", result.version}},
              cat("revision ", result.revision, ", version ", result.version, " of the key"));
}

absl::StatusOr<ExitCode> range(Session& session, const Given& given) {
  const auto consistency = consistency_of(given);
  const auto limit = given.whole("--limit", 1, 1'000'000'000, 1'000);
  if (!limit.ok()) return limit.status();
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  std::string from = given.text("PREFIX");
  const std::string end = end_of_prefix(from);
  std::array<dist_registry_item_t, kPage> items;
  json keys = json::array();
  std::uint64_t shown = 0;
  bool more = true;
  while (more && shown < *limit && session.interrupts.stop_signal() == 0) {
    auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPage, *limit - shown));
    const auto error =
        dist_registry_range(registry->get(), from.data(), from.size(), end.data(), end.size(),
                            *consistency, timeout_ms(session), items.data(), &count, &more);
    if (error != DIST_REGISTRY_OK) return status_of(error);
    if (count == 0) break;
    std::string lines;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (session.is_json()) keys.push_back(item_json(items[i]));
      lines += cat(printable(view(items[i].key, items[i].key_size)), "  ",
                   printable(view(items[i].value, items[i].value_size)), "\n");
    }
    if (!session.is_json()) session.out.write(lines);
    shown += count;
    from = std::string(view(items[count - 1].key, items[count - 1].key_size)) + '\0';
  }
  if (session.is_json()) {
    session.print_json({{"schema_version", 1}, {"keys", keys}, {"more", more && shown > 0}});
  } else if (more && shown == *limit) {
    session.tell(cat("the first ", shown, "; more with --limit N"));
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> watch(Session& session, const Given& given) {
  const auto count = given.whole("--count", 0, 1'000'000'000, 0);
  if (!count.ok()) return count.status();
  const auto from = given.whole("--from", 0, ~std::uint64_t{0}, 0);
  if (!from.ok()) return from.status();
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  const std::string& key = given.text("KEY");
  const std::string end = end_of_prefix(key);
  dist_registry_watch_t position{
      .next_revision = *from, .next_skip = 0, .count = 0, .compacted = 0};
  std::array<dist_registry_event_t, 64> events;
  static constexpr std::array<const char*, 3> kTypes = {"put", "deleted", "expired"};
  const auto deadline =
      session.settings.timeout_seconds ? deadline_in(*session.settings.timeout_seconds) : kForever;
  std::uint64_t seen = 0;
  bool is_first = true;
  while (session.interrupts.stop_signal() == 0 && !session.out.is_closed()) {
    const auto error = dist_registry_watch(registry->get(), key.data(), key.size(),
                                           given.has("--prefix") ? end.data() : nullptr, end.size(),
                                           is_first ? timeout_ms(session) : kTurnMs, events.data(),
                                           static_cast<std::uint32_t>(events.size()), &position);
    if (error == DIST_REGISTRY_COMPACTED) {
      return absl::OutOfRangeError(cat("registry: events up to revision ", position.compacted,
                                       " are no longer kept; mend: --from ",
                                       position.compacted + 1));
    }
    if (error != DIST_REGISTRY_OK) return status_of(error);
    is_first = false;
    for (std::uint32_t i = 0; i < position.count; ++i) {
      const char* const type = kTypes[static_cast<std::size_t>(events[i].type) % kTypes.size()];
      if (session.is_json()) {
        json line = {{"schema_version", 1}, {"event", type}};
        line.update(item_json(events[i].item));
        session.out.write(line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
      } else {
        session.out.write(cat("revision ", events[i].item.modified, "  ", type, "  ",
                              printable(view(events[i].item.key, events[i].item.key_size)), "  ",
                              printable(view(events[i].item.value, events[i].item.value_size)),
                              "\n"));
      }
      if (++seen == *count) return ExitCode::kOk;
    }
    if (Clock::now() >= deadline) return seen == 0 ? ExitCode::kTimedOut : ExitCode::kOk;
  }
  session.interrupts.clear();
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> lease(Session& session, const Given& given) {
  const std::string& verb = given.text("VERB");
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  dist_registry_result_t result{};
  if (verb == "grant") {
    const auto seconds = given.seconds("WHAT", 0.01, 86'400, 0);
    if (!seconds.ok()) return seconds.status();
    std::uint64_t id = 0;
    const auto error = dist_registry_lease_grant(
        registry->get(), static_cast<std::uint64_t>(*seconds * 1e3), timeout_ms(session), &id);
    if (error != DIST_REGISTRY_OK) return status_of(error);
    return told(
        session, {{"lease", id}, {"ttl_seconds", *seconds}},
        cat("lease ", id, ", for ", *seconds, " s; keep it: ringroad registry lease keep ", id));
  }
  const auto id = given.whole("WHAT", 1, ~std::uint64_t{0}, 0);
  if (!id.ok()) return id.status();
  const auto error =
      verb == "keep"
          ? dist_registry_lease_keep_alive(registry->get(), *id, timeout_ms(session))
          : dist_registry_lease_revoke(registry->get(), *id, timeout_ms(session), &result);
  if (error != DIST_REGISTRY_OK) return status_of(error);
  return told(session, {{"lease", *id}, {"verb", verb}},
              verb == "keep" ? cat("lease ", *id, " lives on")
                             : cat("lease ", *id, " and its keys are gone"));
}

const Option kConsistency{.names = "--consistency",
                          .value = "WORD",
                          .help =
                              "linearizable, lease (as far as clocks agree) or stale (what this "
                              "node has, be it cut off) (linearizable)",
                          .words = {"linearizable", "lease", "stale"}};
const Argument kKey{.name = "KEY", .help = "up to 1,024 bytes"};

}  // namespace

std::vector<Command> registry_commands() {
  return {
      {.path = "registry get",
       .summary = "Prints the value of a key.",
       .details =
           "Ends with 3 when there is no such key, 4 when this node does not reach a majority "
           "of the cluster or there is no leader, 6 when nothing was answered in time.",
       .arguments = {kKey},
       .options = {kConsistency},
       .examples = {{"ringroad registry get color", "as the cluster agrees on it now"},
                    {"ringroad registry get color --consistency stale", "as this node knows it"}},
       .run = get},
      {.path = "registry put",
       .summary = "Writes a value; done when a majority has it on disk.",
       .arguments = {kKey, {.name = "VALUE", .help = "the bytes to be kept"}},
       .options = {{.names = "--lease", .value = "ID", .help = "the key goes when the lease does"}},
       .examples = {{"ringroad registry put color blue", "on every node from then on"}},
       .run = put},
      {.path = "registry delete",
       .summary = "Deletes a key, or all that begin alike.",
       .arguments = {kKey},
       .options = {{.names = "--prefix", .value = "", .help = "all keys that begin with KEY"}},
       .examples = {{"ringroad registry delete color", "one key"},
                    {"ringroad registry delete jobs/ --prefix", "all below jobs/"}},
       .run = remove},
      {.path = "registry cas",
       .summary = "Writes a value if the key is still as expected.",
       .details = "Ends with 1, having changed nothing, when it is not.",
       .arguments = {kKey, {.name = "VALUE", .help = "the new one"}},
       .options = {{.names = "--if-value", .value = "V", .help = "its value is V"},
                   {.names = "--if-revision", .value = "N", .help = "its last change was at N"},
                   {.names = "--if-absent", .value = "", .help = "there is no such key"}},
       .examples = {{"ringroad registry cas leader me --if-absent", "one of many wins"},
                    {"ringroad registry cas color red --if-value blue", "only from blue"}},
       .run = compare_and_swap},
      {.path = "registry range",
       .summary = "Prints the keys that begin alike, and their values.",
       .arguments = {{.name = "PREFIX",
                      .help = "what they begin with; left out: all keys",
                      .is_required = false}},
       .options = {kConsistency, {.names = "--limit", .value = "N", .help = "the first N (1000)"}},
       .examples = {{"ringroad registry range jobs/", "all below jobs/"}},
       .run = range},
      {.path = "registry watch",
       .summary = "Prints what becomes of a key, as it happens, until ctrl-C.",
       .arguments = {kKey},
       .options = {{.names = "--prefix", .value = "", .help = "of all keys that begin with KEY"},
                   {.names = "--from", .value = "REVISION", .help = "from then on (now)"},
                   {.names = "-c,--count",
                    .value = "N",
                    .help = "end after so many; 0: never (0)"}},
       .examples = {{"ringroad registry watch jobs/ --prefix", "everything below jobs/"},
                    {"ringroad registry watch color -j -c 1", "the next change, as JSON"}},
       .run = watch},
      {.path = "registry lease",
       .summary = "Grants, keeps or revokes a lease.",
       .details = "Keys put with a lease are deleted when nobody has kept it for its time.",
       .arguments = {{.name = "VERB",
                      .help = "grant, keep or revoke",
                      .words = {"grant", "keep", "revoke"}},
                     {.name = "WHAT", .help = "grant: for how long (10, 500ms); else the lease"}},
       .examples = {{"ringroad registry lease grant 10", "for ten seconds"},
                    {"ringroad registry lease keep 42", "for as long again"}},
       .run = lease},
  };
}

}  // namespace ringroad::cli
