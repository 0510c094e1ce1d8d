// What is asked of the replicated state, as bytes: commands, which travel through the log and
// change it, and queries, which are put to one node and do not. Whoever encodes them is not
// trusted: decoding checks all of it before anything is believed.
//
// Every request, little-endian:
//
//    0  version, 1: the level whose rules it follows
//    1  kind, 1
//    2  flags, 2
//    4  zero, 4
//    8  session, 8: 0 is none, then the next two are 0 as well. Queries have none.
//   16  number, 8: of the session's request, from 1 on
//   24  answered, 8: the client has the answers of all up to this one, which is below `number`
//   32  what the kind needs, and nothing behind it:
//
//   put               lease 8, key size 2, zero 2, value size 4, key, value
//   delete            key size 2, end size 2, limit 4, key, end
//   compare and swap  revision 8, lease 8, key size 2, zero 2, expected size 4, value size 4,
//                     zero 4, key, expected, value
//   grant lease       time to live 8 (ns)
//   keep lease        lease 8
//   revoke lease      lease 8
//   open session      time to live 8 (ns)
//   keep session      nothing
//   close session     nothing
//   append            payload size 4, zero 4, payload
//   advance clock     term 8, time 8 (ns)
//   raise level       level 4, zero 4
//   get               key size 2, zero 6, key
//   range             key size 2, end size 2, limit 4, key, end
//   watch             revision 8, skip 4, zero 4, key size 2, end size 2, limit 4, key, end
//   read log          position 8, limit 4, zero 4
//   lease left        lease 8
//
// `delete` and `watch` mean one key, or with kRange all of [key, end), where an empty end is the
// end of everything; `range` always does. A limit of 0 is the most there is.
//
// A request has one encoding: what a kind does not use is zero, and decode() accepts nothing that
// encode() would not write. So two nodes never differ over the same bytes.
#pragma once

#include <optional>
#include <string>

#include "consensus/machine/bounds.h"
#include "consensus/machine/ids.h"
#include "consensus/machine/status.h"

namespace ringroad::machine {

inline constexpr Level kLevelFirst{1};
// The highest that this program understands.
inline constexpr Level kLevelKnown{1};

enum class Kind : std::uint8_t {
  kNone = 0,
  kPut = 1,
  kDelete = 2,
  kCompareAndSwap = 3,
  kGrantLease = 4,
  kKeepLease = 5,
  kRevokeLease = 6,
  kOpenSession = 7,
  kKeepSession = 8,
  kCloseSession = 9,
  kAppend = 10,
  kAdvanceClock = 32,
  kRaiseLevel = 33,
  kGet = 64,
  kRange = 65,
  kWatch = 66,
  kReadLog = 67,
  kLeaseLeft = 68,
};
constexpr bool is_query(Kind kind) { return kind >= Kind::kGet; }
// Proposed by the leader and the operator, never on a client's behalf: the node that takes requests
// from clients lets none of these in.
constexpr bool is_internal(Kind kind) {
  return kind == Kind::kAdvanceClock || kind == Kind::kRaiseLevel;
}

// Exactly one of the first three in a compare and swap.
enum Flag : std::uint16_t {
  kIfRevision = 1,  // the key's last change was at `revision`
  kIfValue = 2,     // its value is `expected`
  kIfAbsent = 4,    // it is not there
  kThenDelete = 8,  // in place of the new value; not with kIfAbsent
  kOfRange = 16,    // delete, watch: all of [key, end)
  kKeysOnly = 32,   // range: without values
};

struct Request {
  Level version = kLevelFirst;
  Kind kind = Kind::kNone;
  std::uint16_t flags = 0;
  ClientId session;
  RequestNumber number;
  RequestNumber answered;

  Bytes key;
  Bytes end;
  Bytes value;  // or an application's payload
  Bytes expected;
  Revision revision;
  LeaseId lease;
  LogPosition position;
  std::uint32_t limit = 0;
  std::uint32_t skip = 0;  // watch: events of `revision` that are known already
  Nanos time;              // to live, or the leader's clock
  Term term;
  Level level;

  bool has(Flag flag) const { return (flags & flag) != 0; }
};

std::size_t encoded_bytes(const Request& request);
// Writes encoded_bytes() bytes. Invariant: the request keeps to the table and the bounds above.
std::size_t encode(const Request& request, std::span<std::byte> to);

// kOk, kUnsupported (a version above `level`, or a kind that is not known), kTooLarge or
// kBadRequest. Byte strings point into `bytes`. A refused request may still tell its kind.
[[nodiscard]] Status decode(Bytes bytes, Level level, Request& request);

// The end of the range of all keys that begin with `prefix`; empty when that has no end.
std::string prefix_end(Bytes prefix);
// The first key behind `key`: where a range goes on.
std::string successor(Bytes key);

}  // namespace ringroad::machine
