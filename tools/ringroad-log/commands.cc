#include "tools/ringroad-log/commands.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "consensus/log/identity.h"
#include "consensus/log/log_writer.h"
#include "consensus/log/posix_file_system.h"
#include "consensus/log/recovery.h"
#include "tools/ringroad-log/report.h"

namespace ringroad::log_tool {

namespace {

using nlohmann::json;
using namespace raft;
using namespace raft::durable;

// What is there, or the exit code of a command that has said why there is nothing to look at.
struct Found {
  Recovered recovered;
  int code = kExitOk;
};

Found look(FileSystem& files, std::ostream& err) {
  auto recovered = recover(files);
  if (!recovered.ok()) return {{}, fail(recovered.status(), err)};
  if (recovered->standing == Standing::kFresh) {
    return {{}, fail(absl::NotFoundError("there is no log in this folder"), err)};
  }
  const int code = recovered->is_intact() ? kExitOk : kExitDamaged;
  return {std::move(*recovered), code};
}

bool is_answer(int code) { return code == kExitOk || code == kExitDamaged; }

// A JSON object a line for each range of `faulty` that ends below `index`, from `next` on.
std::size_t export_faulty(const Recovered& found, std::size_t next, Index index,
                          const Options& options, std::ostream& out) {
  for (; next < found.faulty.size() && found.faulty[next].last < index; ++next) {
    const IndexRange& range = found.faulty[next];
    if (range.last.value < options.from || (options.to > 0 && range.first.value > options.to)) {
      continue;
    }
    out << json{{"faulty", {{"first", range.first.value}, {"last", range.last.value}}}}.dump()
        << "\n";
  }
  return next;
}

}  // namespace

int fail(const absl::Status& status, std::ostream& err) {
  err << "ringroad-log: " << std::string{status.message()} << "\n";
  return absl::IsNotFound(status) ? kExitNotFound : kExitFailed;
}

int format(const FormatOptions& options, std::ostream& out, std::ostream& err) {
  ConfState members;
  for (const std::uint32_t member : options.members) {
    const NodeId id{static_cast<std::uint16_t>(member)};
    if (members.voters.contains(id)) {
      err << "ringroad-log: --members: " << member << " stands there twice\n";
      return kExitUsage;
    }
    members.voters.insert(id);
  }
  auto files = PosixFileSystem::create(options.folder);
  if (!files.ok()) return fail(files.status(), err);
  const NodeId node{static_cast<std::uint16_t>(options.node)};
  const absl::Status status = durable::format(
      **files, {}, {.cluster = options.cluster, .node = node, .incarnation = 1}, members);
  if (absl::IsAlreadyExists(status)) {
    err << "ringroad-log: " << options.folder << ": there is a log already: ringroad-log inspect "
        << options.folder << "\n";
    return kExitFailed;
  }
  if (!status.ok()) return fail(status, err);
  out << options.folder << ": node " << options.node << " of cluster \"" << options.cluster
      << "\", first members " << absl::StrJoin(options.members, ", ") << "\n";
  return kExitOk;
}

int inspect(FileSystem& files, const Options& options, std::ostream& out, std::ostream& err) {
  const Found found = look(files, err);
  if (!is_answer(found.code)) return found.code;
  json report = to_json(found.recovered);
  if (options.with_records) report["records"] = records_json(files, found.recovered);
  if (options.is_json) {
    out << report.dump(2) << "\n";
  } else {
    print(report, out);
  }
  return found.code;
}

int verify(FileSystem& files, const Options& options, std::ostream& out, std::ostream& err) {
  const Found found = look(files, err);
  if (!is_answer(found.code)) return found.code;
  const Recovered& recovered = found.recovered;
  if (options.is_json) {
    const json report = to_json(recovered);
    json answer;
    for (const char* key : {"standing", "entries", "faulty", "damages", "awaited_index"}) {
      answer[key] = report[key];
    }
    if (report.contains("why")) answer["why"] = report["why"];
    answer["intact"] = recovered.is_intact();
    out << answer.dump(2) << "\n";
    return found.code;
  }
  if (recovered.standing == Standing::kDamaged) out << "damaged: " << recovered.why << "\n";
  for (const Damage& damage : recovered.damages) out << "damaged: " << describe(damage) << "\n";
  for (const IndexRange& range : recovered.faulty) {
    out << "faulty: entries " << range.first.value << " to " << range.last.value << "\n";
  }
  if (found.code == kExitOk) {
    out << "intact: entries " << recovered.first_index().value << " to "
        << recovered.last_index().value << ", " << recovered.segments.size() << " segments, "
        << (recovered.snapshot.empty()
                ? "no snapshot"
                : absl::StrCat("a snapshot up to ", recovered.snapshot.index.value))
        << "\n";
  }
  return found.code;
}

int export_entries(FileSystem& files, const Options& options, std::ostream& out,
                   std::ostream& err) {
  const Found found = look(files, err);
  if (!is_answer(found.code)) return found.code;
  if (found.recovered.standing == Standing::kDamaged) {
    err << "ringroad-log: " << found.recovered.why << "\n";
    return kExitDamaged;
  }
  EntryReader reader(files, found.recovered);
  std::size_t faulty = 0;
  while (true) {
    const auto entries = reader.next();
    if (!entries.ok()) return fail(entries.status(), err);
    if (entries->empty()) break;
    faulty = export_faulty(found.recovered, faulty, entries->front().index, options, out);
    for (const Entry& entry : *entries) {
      if (entry.index.value < options.from) continue;
      if (options.to > 0 && entry.index.value > options.to) return found.code;
      out << to_json(entry).dump() << "\n";
    }
    if (!out) return kExitOk;  // the reader has left
  }
  (void)export_faulty(found.recovered, faulty, Index{kIndexMax}, options, out);
  return found.code;
}

}  // namespace ringroad::log_tool
