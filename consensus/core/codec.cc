#include "consensus/core/codec.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {

namespace {

static_assert(kEntryOverheadBytes == 24, "an entry's header on the wire");

enum Flag : std::uint8_t { kReject = 1, kIsTransfer = 2, kHasSnapshot = 4 };
constexpr std::uint8_t kKnownFlags = kReject | kIsTransfer | kHasSnapshot;

class Writer {
 public:
  explicit Writer(std::byte* at) : at_(at) {}
  template <typename T>
  void put(T value) {
    store_le(at_, value);
    at_ += sizeof value;
  }
  void zeros(std::size_t count) {
    std::memset(at_, 0, count);
    at_ += count;
  }
  void bytes(const std::byte* from, std::size_t count) {
    if (count > 0) std::memcpy(at_, from, count);
    at_ += count;
  }
  const std::byte* at() const { return at_; }

 private:
  std::byte* at_;
};

constexpr std::size_t header_bytes_of(MessageVersion version) {
  return version == MessageVersion::kFirst ? 88 : kMessageHeaderBytes;
}

// A header as far as it goes and its reader knows it; behind its end all fields read as 0.
class HeaderReader {
 public:
  HeaderReader(std::span<const std::byte> header, MessageVersion version) {
    std::copy_n(header.begin(), std::min(header.size(), header_bytes_of(version)), bytes_.begin());
  }
  template <typename T>
  T get(std::size_t offset) const {
    return load_le<T>(bytes_.data() + offset);
  }

 private:
  std::array<std::byte, kMessageHeaderBytes> bytes_{};
};

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
}

void write_snapshot(Writer& out, const Snapshot& s) {
  out.put(s.index.value);
  out.put(s.term.value);
  out.put(s.size_bytes);
  out.put(s.conf.voters.bits());
  out.put(s.conf.learners.bits());
  out.put(s.conf.voters_outgoing.bits());
  out.put(s.conf.learners_next.bits());
  out.put(static_cast<std::uint8_t>(s.conf.auto_leave));
  out.zeros(7);
}

// What is left of the input. Everything taken from it was there.
class Rest {
 public:
  explicit Rest(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool has(std::uint64_t count) const { return bytes_.size() >= count; }
  std::span<const std::byte> take(std::size_t count) {
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
};

DecodeResult read_snapshot(Rest& rest, Snapshot& s) {
  if (!rest.has(kSnapshotBytes)) return DecodeResult::kSnapshotShort;
  const auto from = rest.take(kSnapshotBytes);
  const auto word = [from](std::size_t i) { return load_le<std::uint64_t>(from.data() + 8 * i); };
  const auto auto_leave = std::to_integer<std::uint8_t>(from[56]);
  if (!is_zero(from.subspan(57))) return DecodeResult::kReserved;
  if (auto_leave > 1) return DecodeResult::kSnapshotFlag;
  s.index = Index{word(0)};
  s.term = Term{word(1)};
  s.size_bytes = word(2);
  s.conf = {NodeSet{word(3)}, NodeSet{word(4)}, NodeSet{word(5)}, NodeSet{word(6)},
            auto_leave == 1};
  return DecodeResult::kOk;
}

DecodeResult read_entries(Rest& rest, std::uint32_t count, std::vector<Entry>& entries) {
  // Before room is made for them: the input is at least as long as it says.
  if (!rest.has(kEntryOverheadBytes * count)) return DecodeResult::kEntriesShort;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!rest.has(kEntryOverheadBytes)) return DecodeResult::kEntriesShort;
    const auto header = rest.take(kEntryOverheadBytes);
    Entry entry;
    entry.term = Term{load_le<std::uint64_t>(header.data())};
    entry.index = Index{load_le<std::uint64_t>(header.data() + 8)};
    entry.size_bytes = load_le<std::uint32_t>(header.data() + 16);
    const auto type = std::to_integer<std::uint8_t>(header[20]);
    if (type > static_cast<std::uint8_t>(EntryType::kConfChangeV2)) return DecodeResult::kEntryType;
    if (!is_zero(header.subspan(21))) return DecodeResult::kReserved;
    if (!rest.has(entry.size_bytes)) return DecodeResult::kEntriesShort;
    entry.type = static_cast<EntryType>(type);
    entry.data = rest.take(entry.size_bytes).data();
    entries.push_back(entry);
  }
  return DecodeResult::kOk;
}

}  // namespace

std::string_view name_of(DecodeResult result) {
  static constexpr std::array<std::string_view, kDecodeResults> kNames = {
      "ok",           "too short",    "version",        "type",          "header size",
      "unknown flag", "no such node", "reserved bytes", "snapshot",      "snapshot's flag",
      "entries",      "entry type",   "chunk",          "trailing bytes"};
  return kNames[static_cast<std::size_t>(result)];
}

std::size_t encoded_bytes(const Message& m, MessageVersion version) {
  return header_bytes_of(version) + (m.snapshot.empty() ? 0 : kSnapshotBytes) +
         stored_bytes(m.entries) + m.chunk_bytes;
}

std::size_t encode(const Message& m, std::span<std::byte> to, MessageVersion version) {
  RR_CHECK(to.size() >= encoded_bytes(m, version));
  RR_CHECK(m.chunk_bytes == 0 || m.chunk != nullptr);
  Writer out(to.data());
  out.put(static_cast<std::uint8_t>(version));
  out.put(static_cast<std::uint8_t>(m.type));
  out.put(static_cast<std::uint16_t>(header_bytes_of(version)));
  out.put(m.from.value);
  out.put(m.to.value);
  out.put(static_cast<std::uint8_t>((m.reject ? kReject : 0) | (m.is_transfer ? kIsTransfer : 0) |
                                    (m.snapshot.empty() ? 0 : kHasSnapshot)));
  out.zeros(3);
  out.put(static_cast<std::uint32_t>(m.entries.size()));
  for (const std::uint64_t field :
       {m.term.value, m.log_term.value, m.index.value, m.commit.value, m.reject_hint.value,
        m.context, static_cast<std::uint64_t>(m.sent_at.count), m.chunk_offset}) {
    out.put(field);
  }
  out.put(m.chunk_bytes);
  out.zeros(4);
  if (version >= MessageVersion::kKnownCommit) out.put(m.known_commit.value);
  if (!m.snapshot.empty()) write_snapshot(out, m.snapshot);
  for (const Entry& entry : m.entries) {
    out.put(entry.term.value);
    out.put(entry.index.value);
    out.put(entry.size_bytes);
    out.put(static_cast<std::uint8_t>(entry.type));
    out.zeros(3);
    out.bytes(entry.data, entry.size_bytes);
  }
  out.bytes(m.chunk, m.chunk_bytes);
  return static_cast<std::size_t>(out.at() - to.data());
}

DecodeResult decode(std::span<const std::byte> bytes, std::vector<Entry>& entries, Message& m,
                    MessageVersion version) {
  entries.clear();
  m = {};
  if (bytes.size() < kMessageHeaderBytesMin) return DecodeResult::kTooShort;
  const auto header_bytes = load_le<std::uint16_t>(bytes.data() + 2);
  if (bytes[0] == std::byte{}) return DecodeResult::kVersion;
  if (header_bytes < kMessageHeaderBytesMin || header_bytes > bytes.size()) {
    return DecodeResult::kHeaderBytes;
  }
  const HeaderReader header(bytes.first(header_bytes), version);
  const auto type = header.get<std::uint8_t>(1);
  if (type >= kMessageTypes || !travels(static_cast<MessageType>(type))) return DecodeResult::kType;
  const auto flags = header.get<std::uint8_t>(8);
  if ((flags & ~kKnownFlags) != 0) return DecodeResult::kFlags;
  m.from = NodeId{header.get<std::uint16_t>(4)};
  m.to = NodeId{header.get<std::uint16_t>(6)};
  if (!is_node(m.from) || !is_node(m.to)) return DecodeResult::kNode;
  if (!is_zero(bytes.subspan(9, 3)) || header.get<std::uint32_t>(84) != 0) {
    return DecodeResult::kReserved;
  }
  m.type = static_cast<MessageType>(type);
  m.reject = (flags & kReject) != 0;
  m.is_transfer = (flags & kIsTransfer) != 0;
  m.term = Term{header.get<std::uint64_t>(16)};
  m.log_term = Term{header.get<std::uint64_t>(24)};
  m.index = Index{header.get<std::uint64_t>(32)};
  m.commit = Index{header.get<std::uint64_t>(40)};
  m.reject_hint = Index{header.get<std::uint64_t>(48)};
  m.context = header.get<std::uint64_t>(56);
  m.sent_at = Nanos{static_cast<std::int64_t>(header.get<std::uint64_t>(64))};
  m.chunk_offset = header.get<std::uint64_t>(72);
  m.known_commit = Index{header.get<std::uint64_t>(88)};

  Rest rest(bytes.subspan(header_bytes));
  if ((flags & kHasSnapshot) != 0) {
    const DecodeResult result = read_snapshot(rest, m.snapshot);
    if (result != DecodeResult::kOk) return result;
  }
  const DecodeResult result = read_entries(rest, header.get<std::uint32_t>(12), entries);
  if (result != DecodeResult::kOk) return result;
  m.entries = entries;
  m.chunk_bytes = header.get<std::uint32_t>(80);
  if (!rest.has(m.chunk_bytes)) return DecodeResult::kChunkShort;
  m.chunk = rest.take(m.chunk_bytes).data();
  return rest.empty() ? DecodeResult::kOk : DecodeResult::kTrailingBytes;
}

}  // namespace ringroad::raft
