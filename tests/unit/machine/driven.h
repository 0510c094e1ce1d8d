// A machine with the little that tests need around it: entries get the next index by themselves,
// requests are made in a word, and everything goes through the encoding, as it does in a cluster.
// Also used by the fuzz targets and perf/machine_apply.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consensus/machine/machine.h"
#include "consensus/machine/snapshot.h"

namespace ringroad::machine {

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The texts outlive the request.
inline Request put(std::string_view key, std::string_view value, LeaseId lease = kNoLease) {
  return {.kind = Kind::kPut, .key = bytes_of(key), .value = bytes_of(value), .lease = lease};
}
inline Request erase(std::string_view key) { return {.kind = Kind::kDelete, .key = bytes_of(key)}; }
inline Request erase_range(std::string_view from, std::string_view to, std::uint32_t limit = 0) {
  return {.kind = Kind::kDelete,
          .flags = kOfRange,
          .key = bytes_of(from),
          .end = bytes_of(to),
          .limit = limit};
}
inline Request put_if_revision(std::string_view key, std::string_view value, std::uint64_t r) {
  return {.kind = Kind::kCompareAndSwap,
          .flags = kIfRevision,
          .key = bytes_of(key),
          .value = bytes_of(value),
          .revision = Revision{r}};
}
inline Request put_if_value(std::string_view key, std::string_view value,
                            std::string_view expected) {
  return {.kind = Kind::kCompareAndSwap,
          .flags = kIfValue,
          .key = bytes_of(key),
          .value = bytes_of(value),
          .expected = bytes_of(expected)};
}
inline Request put_if_absent(std::string_view key, std::string_view value) {
  return {.kind = Kind::kCompareAndSwap,
          .flags = kIfAbsent,
          .key = bytes_of(key),
          .value = bytes_of(value)};
}
inline Request erase_if_revision(std::string_view key, std::uint64_t r) {
  return {.kind = Kind::kCompareAndSwap,
          .flags = kIfRevision | kThenDelete,
          .key = bytes_of(key),
          .revision = Revision{r}};
}
inline Request grant(Nanos time_to_live) {
  return {.kind = Kind::kGrantLease, .time = time_to_live};
}
inline Request of_lease(Kind kind, std::uint64_t id) {
  return {.kind = kind, .lease = LeaseId{id}};
}
inline Request append(std::string_view payload) {
  return {.kind = Kind::kAppend, .value = bytes_of(payload)};
}
inline Request open_session(Nanos time_to_live) {
  return {.kind = Kind::kOpenSession, .time = time_to_live};
}
inline Request of_session(Kind kind, std::uint64_t id) {
  return {.kind = kind, .session = ClientId{id}};
}
inline Request clock_at(Nanos time, std::uint64_t term = 1) {
  return {.kind = Kind::kAdvanceClock, .time = time, .term = Term{term}};
}
inline Request raise_level(std::uint32_t level) {
  return {.kind = Kind::kRaiseLevel, .level = Level{level}};
}
// As the session's request `number`, when all up to `answered` are answered.
inline Request numbered(Request request, std::uint64_t session, std::uint64_t number,
                        std::uint64_t answered = 0) {
  request.session = ClientId{session};
  request.number = RequestNumber{number};
  request.answered = RequestNumber{answered};
  return request;
}

inline Request get(std::string_view key) { return {.kind = Kind::kGet, .key = bytes_of(key)}; }
inline Request range(std::string_view from, std::string_view to, std::uint32_t limit = 0) {
  return {.kind = Kind::kRange, .key = bytes_of(from), .end = bytes_of(to), .limit = limit};
}
inline Request watch(std::string_view key, Next from) {
  return {.kind = Kind::kWatch,
          .key = bytes_of(key),
          .revision = Revision{from.number},
          .skip = from.skip};
}
inline Request watch_range(std::string_view from, std::string_view to, Next next,
                           std::uint32_t limit = 0) {
  return {.kind = Kind::kWatch,
          .flags = kOfRange,
          .key = bytes_of(from),
          .end = bytes_of(to),
          .revision = Revision{next.number},
          .limit = limit,
          .skip = next.skip};
}
inline Request read_log(std::uint64_t position, std::uint32_t limit = 0) {
  return {.kind = Kind::kReadLog, .position = LogPosition{position}, .limit = limit};
}

inline std::vector<std::byte> encoded(const Request& request) {
  std::vector<std::byte> bytes(encoded_bytes(request));
  encode(request, bytes);
  return bytes;
}

// A query's answer, with the bytes that its items point into.
struct Told {
  std::vector<std::byte> bytes;
  Answer answer;
  Next next;
  std::vector<KeyItem> keys;
  std::vector<EventItem> events;
  std::vector<LogItem> entries;
};

inline Told told(std::vector<std::byte> bytes) {
  Told t{.bytes = std::move(bytes)};
  AnswerReader reader(t.bytes);
  RR_CHECK(reader.is_good());
  t.answer = reader.answer();
  t.next = reader.next();
  KeyItem key;
  EventItem event;
  LogItem entry;
  if (reader.kind() == Kind::kGet || reader.kind() == Kind::kRange) {
    while (reader.take(key)) t.keys.push_back(key);
  } else if (reader.kind() == Kind::kWatch) {
    while (reader.take(event)) t.events.push_back(event);
  } else if (reader.kind() == Kind::kReadLog) {
    while (reader.take(entry)) t.entries.push_back(entry);
  }
  RR_CHECK(t.keys.size() + t.events.size() + t.entries.size() == 0 ||
           t.keys.size() + t.events.size() + t.entries.size() == t.answer.count);
  return t;
}

class Driven {
 public:
  explicit Driven(const Limits& limits = {}, Level known = kLevelKnown) : machine_(limits, known) {}
  explicit Driven(std::unique_ptr<State> state) : machine_(std::move(state)) {}

  Answer apply(Bytes payload) { return machine_.apply(next(machine_.applied()), term_, payload); }
  Answer apply(const Request& request) { return apply(encoded(request)); }
  Told ask(const Request& request, std::size_t room_bytes = 1 << 21) const {
    std::vector<std::byte> to(room_bytes);
    to.resize(machine_.query(encoded(request), to));
    return told(std::move(to));
  }
  // The value of a key, or "-" when it is not there.
  std::string value_of(std::string_view key) const {
    const Told t = ask(get(key));
    return t.keys.empty() ? "-" : text_of(t.keys[0].value);
  }

  void set_term(std::uint64_t term) { term_ = Term{term}; }
  Machine& machine() { return machine_; }
  const Machine& machine() const { return machine_; }
  std::uint64_t hash() const { return hash_of(machine_.state()); }

 private:
  Term term_{1};
  Machine machine_;
};

// The whole snapshot, written so many bytes at a time.
inline std::vector<std::byte> written(SnapshotWriter& writer, std::size_t piece_bytes = 4096) {
  std::vector<std::byte> all, piece(piece_bytes);
  while (!writer.is_done()) {
    const std::size_t count = writer.write(piece);
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}
inline std::vector<std::byte> snapshot_of(Machine& machine, std::size_t piece_bytes = 4096) {
  SnapshotWriter writer(machine.state());
  return written(writer, piece_bytes);
}
// nullptr when these bytes are no snapshot.
inline std::unique_ptr<State> restored(Bytes bytes, std::size_t piece_bytes = 4096) {
  SnapshotReader reader;
  while (!bytes.empty()) {
    const std::size_t count = std::min(piece_bytes, bytes.size());
    if (!reader.feed(bytes.first(count))) return nullptr;
    bytes = bytes.subspan(count);
  }
  return reader.finish();
}

}  // namespace ringroad::machine
