// What the replicated state answers, in memory and as bytes.
//
// An answer, little-endian:
//
//    0  version, 1: 1
//    1  kind, 1: of the request; 0 when that could not be told
//    2  status, 1
//    3  flags, 1: 1 repeated (the request had been applied before; this is what it came to then),
//       2 more (there is more than is told or was done)
//    4  count, 4: keys deleted, or items that follow
//    8  revision, 8: the registry's when this was answered
//   16  value, 8: see Answer
//   24  next, 8: watch: the revision to go on from; read log: the position
//   32  skip, 4: watch: events of `next` that were told already
//   36  zero, 4
//   40  the items of a query's answer:
//
//   get, range     created 8, modified 8, version 8, lease 8, key size 2, zero 2, value size 4,
//                  key, value
//   watch          type 1, zero 7, then the same: what the key became, or, when it was deleted,
//                  what it was called; `modified` is the event's revision
//   read log       position 8, payload size 4, zero 4, payload
#pragma once

#include <concepts>
#include <type_traits>

#include "consensus/machine/coder.h"
#include "consensus/machine/request.h"
#include "consensus/machine/status.h"

namespace ringroad::machine {

// The part that every answer has. Small, since sessions remember them.
struct Answer {
  Status status = Status::kOk;
  bool repeated = false;
  bool more = false;
  std::uint32_t count = 0;
  Revision revision;
  // put, compare and swap: the key's version after it, or, when the comparison failed, the revision
  //   of its last change, 0 when it is not there
  // grant lease, open session: the new one
  // keep lease, keep session: the time to live, in ns
  // append: the position; advance clock: the clock; raise level: the level
  // lease left: what is left of it at least, in ns
  // kCompacted: the last revision or position that is gone; kTooLarge: the bytes an answer needs
  std::uint64_t value = 0;

  constexpr bool operator==(const Answer&) const = default;
};

// Where a watch or a reader of the log goes on.
struct Next {
  std::uint64_t number = 0;
  std::uint32_t skip = 0;
  constexpr bool operator==(const Next&) const = default;
};

// A key as an answer tells it.
struct KeyItem {
  Revision created;
  Revision modified;
  std::uint64_t version = 0;
  LeaseId lease;
  Bytes key;
  Bytes value;
};
enum class EventType : std::uint8_t { kPut = 0, kDelete = 1, kExpire = 2 };
inline constexpr std::size_t kEventTypes = 3;
struct EventItem {
  EventType type = EventType::kPut;
  KeyItem key;
};
struct LogItem {
  LogPosition position;
  Bytes payload;
};

template <typename C, typename K>
void code(C& c, K& k)
  requires std::same_as<std::remove_const_t<K>, KeyItem>
{
  c.number(k.created.value);
  c.number(k.modified.value);
  c.number(k.version);
  c.number(k.lease.value);
  c.template size<std::uint16_t>(k.key, kKeyBytesMax);
  c.zeros(2);
  c.template size<std::uint32_t>(k.value, kValueBytesMax);
  c.bytes(k.key);
  c.bytes(k.value);
}
template <typename C, typename E>
void code(C& c, E& e)
  requires std::same_as<std::remove_const_t<E>, EventItem>
{
  code_enum(c, e.type, kEventTypes);
  c.zeros(7);
  code(c, e.key);
}
template <typename C, typename L>
void code(C& c, L& l)
  requires std::same_as<std::remove_const_t<L>, LogItem>
{
  c.number(l.position.value);
  c.template size<std::uint32_t>(l.payload, kPayloadBytesMax);
  c.zeros(4);
  c.bytes(l.payload);
}

inline constexpr std::size_t kAnswerHeaderBytes = 40;

// Writes an answer: first the items, as many as fit, then what all of them have in common.
class AnswerWriter {
 public:
  // Invariant: room for a header.
  explicit AnswerWriter(std::span<std::byte> to);
  // False, and nothing is written, when it does not fit.
  [[nodiscard]] bool add(const KeyItem& item) { return add_item(item); }
  [[nodiscard]] bool add(const EventItem& item) { return add_item(item); }
  [[nodiscard]] bool add(const LogItem& item) { return add_item(item); }
  std::uint32_t items() const { return items_; }
  // What the answer would have needed for the item that did not fit.
  std::uint64_t bytes_wanted() const { return bytes_wanted_; }
  // Returns the bytes of the whole answer. An answer with items counts those.
  std::size_t finish(Kind kind, const Answer& answer, Next next = {});

 private:
  template <typename T>
  bool add_item(const T& item);

  std::span<std::byte> to_;
  std::size_t used_ = kAnswerHeaderBytes;
  std::uint32_t items_ = 0;
  std::uint64_t bytes_wanted_ = 0;
};

// Reads an answer. Items point into the bytes.
class AnswerReader {
 public:
  explicit AnswerReader(Bytes bytes);
  // Of the header; the items are checked as they are taken.
  bool is_good() const { return is_good_; }
  Kind kind() const { return kind_; }
  const Answer& answer() const { return answer_; }
  Next next() const { return next_; }
  // False when there is none left, or none of this type.
  [[nodiscard]] bool take(KeyItem& item) { return take_item(item); }
  [[nodiscard]] bool take(EventItem& item) { return take_item(item); }
  [[nodiscard]] bool take(LogItem& item) { return take_item(item); }

 private:
  template <typename T>
  bool take_item(T& item);

  Bytes rest_;
  bool is_good_ = false;
  Kind kind_ = Kind::kNone;
  Answer answer_;
  Next next_;
};

}  // namespace ringroad::machine
