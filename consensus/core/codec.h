// Messages as bytes, for peers. Pure functions over the caller's memory: encoding writes into a
// buffer of exactly encoded_bytes(), decoding checks all of it before believing any, and what it
// hands out points into the input. Nothing is allocated but room in the caller's vector of entries,
// which is kept from message to message.
//
// On the wire, little-endian:
//
//    0  version, 1 byte                     32  index, 8
//    1  type, 1                             40  commit, 8
//    2  header_bytes, 2                     48  reject_hint, 8
//    4  from, 2                             56  context, 8
//    6  to, 2                               64  sent_at, 8
//    8  flags, 1                            72  chunk_offset, 8
//    9  zero, 3                             80  chunk_bytes, 4
//   12  entries, 4: how many                84  zero, 4
//   16  term, 8                             88  known_commit, 8
//   24  log_term, 8                         96
//
//   then, if the flag says so, the snapshot: index, term, size_bytes, voters, learners,
//   voters_outgoing, learners_next, 8 bytes each; auto_leave, 1; zero, 7
//   then for each entry: term, 8; index, 8; size_bytes, 4; type, 1; zero, 3; its payload
//   then chunk_bytes bytes of the snapshot
//
// How it grows. The first byte is its sender's version, in every message; a reader of any version
// reads those of all others:
//   - A newer version appends to the header and says so in header_bytes. What a reader does not
//   know
//     it skips; what the sender did not know reads as 0, which therefore has to mean "not told".
//   - So nobody has to ask what a peer reads before writing to it, and a peer that was upgraded, or
//     taken back, is known for what it is by its next message.
//   - A flag or a type changes how the rest is read, so an unknown one is refused, which to a Raft
//   is
//     a message lost. A version that adds one sends it only to peers whose last message was of that
//     version or a later one.
//   - A node may be told to keep to the previous version, in writing and in reading: then it is one
//     of that version, so that a cluster can be taken back until all of it is upgraded.
// Version 1 has a header of 88 bytes, without known_commit; version 2 has what stands above.
// `size_bytes` of a message never travels.
//
// It says nothing about whether a message makes sense: Raft::step() judges that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "consensus/core/message.h"

namespace ringroad::raft {

enum class MessageVersion : std::uint8_t {
  kFirst = 1,
  kKnownCommit = 2,
  kCurrent = kKnownCommit,
  kPrevious = kFirst,
};
// Of the current version.
inline constexpr std::size_t kMessageHeaderBytes = 96;
// Every version has at least the fields up to `term`.
inline constexpr std::size_t kMessageHeaderBytesMin = 24;
inline constexpr std::size_t kSnapshotBytes = 64;

enum class DecodeResult : std::uint8_t {
  kOk,
  kTooShort,       // no header
  kVersion,        // 0
  kType,           // unknown, or none that travels
  kHeaderBytes,    // shorter than any version's, or longer than the message
  kFlags,          // an unknown one
  kNode,           // from or to is no node
  kReserved,       // not zero
  kSnapshotShort,  // ends within the snapshot
  kSnapshotFlag,   // auto_leave is no truth value
  kEntriesShort,   // ends within the entries, or before as many as promised
  kEntryType,      // unknown
  kChunkShort,     // ends within the chunk
  kTrailingBytes,  // goes on behind the chunk
};
inline constexpr std::size_t kDecodeResults = 14;
std::string_view name_of(DecodeResult result);

std::size_t encoded_bytes(const Message& message,
                          MessageVersion version = MessageVersion::kCurrent);
// Writes encoded_bytes() bytes, for which `to` has room (Invariant), and returns how many.
// Invariant: a message with chunk_bytes has its chunk; the driver has filled it in.
std::size_t encode(const Message& message, std::span<std::byte> to,
                   MessageVersion version = MessageVersion::kCurrent);

// As a node of `version` reads them, whatever version wrote them. On kOk, `message` is what was
// sent, as far as both versions know of it. Its entries stand in `entries`, payloads and chunk in
// `bytes`: it lives as long as both stay as they are.
[[nodiscard]] DecodeResult decode(std::span<const std::byte> bytes, std::vector<Entry>& entries,
                                  Message& message,
                                  MessageVersion version = MessageVersion::kCurrent);

}  // namespace ringroad::raft
