// How commands change the keys, and the bytes of commands and of snapshots. A node owns its machine
// and gives it committed entries in order. Invariant: equal entries make equal machines, bit for
// bit, sessions included; the digest tells. Nothing here knows of terms, nodes or time.
#include "tests/sim/raft/machine.h"

#include "consensus/core/planted.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::sim {

namespace {

constexpr std::size_t kCommandBytes = 40;
constexpr std::size_t kMachineBytes = 8 * (3 + kKeysMax + 2 * kClientsMax);

std::uint64_t word(std::span<const std::byte> bytes, std::size_t i) {
  return load_le<std::uint64_t>(bytes.data() + 8 * i);
}

// What stands at `at` of a snapshot, behind the machine itself.
std::byte filler(std::uint64_t digest, std::size_t at) {
  return static_cast<std::byte>(mixed(digest, at) >> 32);
}

}  // namespace

std::uint64_t hash_of(const Entry& e) {
  return mixed(mixed(crc32c(e.payload()), e.size_bytes), static_cast<std::uint64_t>(e.type) + 1);
}

Bytes encode_command(const Command& c, std::uint32_t padding_bytes) {
  Bytes to(kCommandBytes + padding_bytes);
  store_le(to.data(), c.client);
  store_le(to.data() + 4, static_cast<std::uint32_t>(c.kind));
  store_le(to.data() + 8, c.key);
  store_le(to.data() + 16, c.sequence);
  store_le(to.data() + 24, c.argument);
  store_le(to.data() + 32, c.expected);
  return to;
}

Command decode_command(std::span<const std::byte> from) {
  RR_CHECK(from.size() >= kCommandBytes);
  Command c;
  c.client = load_le<std::uint32_t>(from.data());
  c.kind = static_cast<Kind>(load_le<std::uint32_t>(from.data() + 4));
  c.key = load_le<std::uint32_t>(from.data() + 8);
  c.sequence = word(from, 2);
  c.argument = word(from, 3);
  c.expected = word(from, 4);
  return c;
}

void Machine::apply(const Entry& entry) {
  RR_CHECK(entry.index == next(applied_));
  applied_ = entry.index;
  digest_ = mixed(mixed(digest_, entry.term.value), hash_of(entry));
  if (entry.type != EntryType::kNormal || entry.size_bytes == 0) return;
  const Command command = decode_command(entry.payload());
  Session& session = sessions_[command.client];
  // Thesis 6.3: what was executed is not executed again; what is older than the last was given up.
  if (command.sequence <= session.sequence) return;
  execute(command, session);
  digest_ = mixed(mixed(digest_, session.sequence), session.result);
}

void Machine::execute(const Command& command, Session& session) {
  std::uint64_t& value = values_[command.key];
  session = {command.sequence, 0};
  switch (command.kind) {
    case Kind::kPut:
      value = command.argument;
      break;
    case Kind::kDelete:
      value = 0;
      break;
    case Kind::kCompareAndSwap:
      if (value == command.expected) {
        value = command.argument;
        session.result = 1;
      }
      break;
    case Kind::kGet:
      RR_CHECK(false);  // reads are no entries
  }
}

Bytes Machine::save(std::size_t bytes_min) const {
  Bytes to(std::max(bytes_min, kMachineBytes));
  std::byte* at = to.data();
  const auto put = [&at](std::uint64_t value) {
    store_le(at, value);
    at += 8;
  };
  put(to.size());
  put(applied_.value);
  put(digest_);
  for (const std::uint64_t value : values_) put(value);
  for (Session session : sessions_) {
    if (planted(Bug::kSessionsLostInSnapshot)) session = {};
    put(session.sequence);
    put(session.result);
  }
  for (std::size_t i = kMachineBytes; i < to.size(); ++i) to[i] = filler(digest_, i);
  return to;
}

bool Machine::load(std::span<const std::byte> from, Index index) {
  if (from.size() < kMachineBytes || word(from, 0) != from.size()) return false;
  if (word(from, 1) != index.value) return false;
  applied_ = index;
  digest_ = word(from, 2);
  for (std::size_t i = 0; i < kKeysMax; ++i) values_[i] = word(from, 3 + i);
  for (std::size_t i = 0; i < kClientsMax; ++i) {
    sessions_[i] = {word(from, 3 + kKeysMax + 2 * i), word(from, 4 + kKeysMax + 2 * i)};
  }
  for (std::size_t i = kMachineBytes; i < from.size(); ++i) {
    if (from[i] != filler(digest_, i)) return false;
  }
  return true;
}

}  // namespace ringroad::raft::sim
