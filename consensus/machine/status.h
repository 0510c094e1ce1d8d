// How a request ended. The numbers are part of the encoding of answers and never change.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringroad::machine {

enum class Status : std::uint8_t {
  kOk = 0,
  kNotFound = 1,         // no such key
  kCompareFailed = 2,    // the key is not as the request expects
  kCompacted = 3,        // asked for what is no longer kept; `value` says up to where it is gone
  kLeaseUnknown = 4,     // expired, revoked, or never granted
  kSessionUnknown = 5,   // so what its requests came to can no longer be told
  kAlreadyAnswered = 6,  // a request whose answer the client said it had; it is not kept
  kTooFarAhead = 7,      // more requests at once than the session's window; not applied
  kTooLarge = 8,         // a key, value or payload beyond its bound, or an answer beyond its buffer
  kNoRoom = 9,           // a limit of the state is reached
  kBadRequest = 10,      // malformed, or it says what cannot be
  kUnsupported = 11,     // a kind or version that the cluster does not understand, or not yet
  kStale = 12,           // a time from another term's leader
  kHalted = 13,          // this node cannot apply what the cluster understands; it needs an upgrade
};
inline constexpr std::size_t kStatuses = 14;

constexpr std::string_view name_of(Status status) {
  constexpr std::array<std::string_view, kStatuses> kNames = {"ok",
                                                              "not found",
                                                              "compare failed",
                                                              "compacted",
                                                              "lease unknown",
                                                              "session unknown",
                                                              "already answered",
                                                              "too far ahead",
                                                              "too large",
                                                              "no room",
                                                              "bad request",
                                                              "unsupported",
                                                              "stale",
                                                              "halted"};
  return kNames[static_cast<std::size_t>(status)];
}

}  // namespace ringroad::machine
