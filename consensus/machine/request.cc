#include "consensus/machine/request.h"

#include <bit>

#include "consensus/machine/coder.h"

namespace ringroad::machine {

namespace {

// What a request may say, beside what its layout allows.
std::uint16_t flags_of(Kind kind) {
  switch (kind) {
    case Kind::kDelete:
    case Kind::kWatch:
      return kOfRange;
    case Kind::kCompareAndSwap:
      return kIfRevision | kIfValue | kIfAbsent | kThenDelete;
    case Kind::kRange:
      return kKeysOnly;
    default:
      return 0;
  }
}

bool is_kind(std::uint8_t kind) {
  return (kind >= 1 && kind <= 10) || kind == 32 || kind == 33 || (kind >= 64 && kind <= 68);
}

template <typename C, typename R>
void code_head(C& c, R& r) {
  auto version = static_cast<std::uint8_t>(r.version.value);
  auto kind = static_cast<std::uint8_t>(r.kind);
  c.number(version);
  c.number(kind);
  c.number(r.flags);
  c.zeros(4);
  code_id(c, r.session);
  code_id(c, r.number);
  code_id(c, r.answered);
  if constexpr (C::kReads) {
    r.version = Level{version};
    r.kind = is_kind(kind) ? static_cast<Kind>(kind) : Kind::kNone;
  }
}

template <typename C, typename R>
void code_span(C& c, R& r) {
  c.template size<std::uint16_t>(r.key, kKeyBytesMax);
  c.template size<std::uint16_t>(r.end, kKeyBytesMax);
  c.number(r.limit);
  c.bytes(r.key);
  c.bytes(r.end);
}

template <typename C, typename R>
void code_body(C& c, R& r) {
  switch (r.kind) {
    case Kind::kPut:
      code_id(c, r.lease);
      c.template size<std::uint16_t>(r.key, kKeyBytesMax);
      c.zeros(2);
      c.template size<std::uint32_t>(r.value, kValueBytesMax);
      c.bytes(r.key);
      c.bytes(r.value);
      break;
    case Kind::kCompareAndSwap:
      code_id(c, r.revision);
      code_id(c, r.lease);
      c.template size<std::uint16_t>(r.key, kKeyBytesMax);
      c.zeros(2);
      c.template size<std::uint32_t>(r.expected, kValueBytesMax);
      c.template size<std::uint32_t>(r.value, kValueBytesMax);
      c.zeros(4);
      c.bytes(r.key);
      c.bytes(r.expected);
      c.bytes(r.value);
      break;
    case Kind::kWatch:
      code_id(c, r.revision);
      c.number(r.skip);
      c.zeros(4);
      code_span(c, r);
      break;
    case Kind::kDelete:
    case Kind::kRange:
      code_span(c, r);
      break;
    case Kind::kGet:
      c.template size<std::uint16_t>(r.key, kKeyBytesMax);
      c.zeros(6);
      c.bytes(r.key);
      break;
    case Kind::kGrantLease:
    case Kind::kOpenSession:
      code_nanos(c, r.time);
      break;
    case Kind::kKeepLease:
    case Kind::kRevokeLease:
    case Kind::kLeaseLeft:
      code_id(c, r.lease);
      break;
    case Kind::kAppend:
      c.template size<std::uint32_t>(r.value, kPayloadBytesMax);
      c.zeros(4);
      c.bytes(r.value);
      break;
    case Kind::kReadLog:
      code_id(c, r.position);
      c.number(r.limit);
      c.zeros(4);
      break;
    case Kind::kAdvanceClock:
      code_id(c, r.term);
      code_nanos(c, r.time);
      break;
    case Kind::kRaiseLevel:
      code_id(c, r.level);
      c.zeros(4);
      break;
    case Kind::kKeepSession:
    case Kind::kCloseSession:
    case Kind::kNone:
      break;
  }
}

bool session_makes_sense(const Request& r) {
  switch (r.kind) {
    case Kind::kOpenSession:
    case Kind::kAdvanceClock:
    case Kind::kRaiseLevel:
      return r.session == kNoClient && r.number.value == 0 && r.answered.value == 0;
    case Kind::kKeepSession:
    case Kind::kCloseSession:
      return r.session != kNoClient && r.number.value == 0 && r.answered.value == 0;
    default:
      break;
  }
  if (r.session == kNoClient) return r.number.value == 0 && r.answered.value == 0;
  return !is_query(r.kind) && r.answered < r.number;
}

bool condition_makes_sense(const Request& r) {
  if (std::popcount(static_cast<unsigned>(r.flags & (kIfRevision | kIfValue | kIfAbsent))) != 1) {
    return false;
  }
  if (!r.has(kIfRevision) && r.revision.value != 0) return false;
  if (!r.has(kIfValue) && !r.expected.empty()) return false;
  return !r.has(kThenDelete) || (!r.has(kIfAbsent) && r.value.empty() && r.lease == kNoLease);
}

bool body_makes_sense(const Request& r) {
  const bool of_one_key = !r.has(kOfRange);
  switch (r.kind) {
    case Kind::kPut:
    case Kind::kGet:
      return !r.key.empty();
    case Kind::kDelete:
      return !of_one_key || (!r.key.empty() && r.end.empty() && r.limit == 0);
    case Kind::kWatch:
      return !of_one_key || (!r.key.empty() && r.end.empty());
    case Kind::kCompareAndSwap:
      return !r.key.empty() && condition_makes_sense(r);
    case Kind::kGrantLease:
    case Kind::kOpenSession:
      return r.time >= kTimeToLiveMin && r.time <= kTimeToLiveMax;
    case Kind::kAdvanceClock:
      return r.time >= Nanos{0} && r.time <= kClockMax;
    default:
      return true;
  }
}

}  // namespace

std::size_t encoded_bytes(const Request& request) {
  Counter counter;
  code_head(counter, request);
  code_body(counter, request);
  return counter.counted();
}

std::size_t encode(const Request& request, std::span<std::byte> to) {
  Writer writer(to);
  code_head(writer, request);
  code_body(writer, request);
  return encoded_bytes(request);
}

Status decode(Bytes bytes, Level level, Request& r) {
  r = {};
  Reader reader(bytes);
  code_head(reader, r);
  if (reader.wrong() == Wrong::kShort) return Status::kBadRequest;
  if (r.version.value == 0) return Status::kBadRequest;
  if (r.version > level || r.kind == Kind::kNone) return Status::kUnsupported;
  code_body(reader, r);
  if (reader.wrong() == Wrong::kTooLarge) return Status::kTooLarge;
  const bool is_good = reader.wrong() == Wrong::kNothing && reader.rest().empty() &&
                       (r.flags & ~flags_of(r.kind)) == 0 && session_makes_sense(r) &&
                       body_makes_sense(r);
  return is_good ? Status::kOk : Status::kBadRequest;
}

std::string prefix_end(Bytes prefix) {
  std::string end(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

std::string successor(Bytes key) {
  std::string after(reinterpret_cast<const char*>(key.data()), key.size());
  after.push_back('\0');
  return after;
}

}  // namespace ringroad::machine
