// Fuzzes the recovery of a log: what a disk may say. The input:
//
//   1 byte    flags: 1, the checksums and positions of records that look like some are made right,
//             so that the search reaches what stands behind them
//   then, repeated: length (16 bits, little-endian) and so many bytes of a segment; the first is of
//   epoch 1
//
// What must hold for any bytes: recovery ends, allocates no more than bounded records ask for, what
// it calls intact can be read, follows in order and is within the log; faulty and intact entries
// together are all behind the snapshot; and a writer opened on it goes on, after which the log is
// found again with what was appended.
#include <cstdlib>
#include <vector>

#include "consensus/log/log_writer.h"
#include "consensus/log/recovery.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/kernels/crc32c.h"
#include "tests/unit/log/memory_file_system.h"

namespace {

using namespace ringroad;
using namespace ringroad::raft;
using namespace ringroad::raft::durable;

void require(bool condition) {
  if (!condition) std::abort();
}

// Makes checksums right where a record may begin: at the start, and behind each one.
void mend(Bytes& segment, std::uint64_t epoch) {
  std::uint64_t at = 0;
  while (at + kHeaderBytes <= segment.size()) {
    std::byte* header = segment.data() + at;
    const std::uint64_t stored = padded(load_le<std::uint32_t>(header + header::kStoredBytes));
    if (stored > segment.size() - at - kHeaderBytes) return;
    store_le(header + header::kEpoch, epoch);
    store_le(header + header::kPosition, at);
    header[header::kVersion] = static_cast<std::byte>(kLayoutVersion);
    store_le(header + header::kBodyCrc, crc32c({header + kHeaderBytes, stored}));
    store_le(header + header::kHeaderCrc, crc32c({header + 4, kHeaderBytes - 4}));
    at += kHeaderBytes + stored;
  }
}

std::uint64_t count_intact(FileSystem& files, const Recovered& found) {
  EntryReader reader(files, found);
  std::uint64_t count = 0;
  Index previous = found.snapshot.index;
  while (true) {
    const auto entries = reader.next();
    require(entries.ok());
    if (entries->empty()) return count;
    for (const Entry& e : *entries) {
      require(e.index > previous && e.index <= found.last_index());
      previous = e.index;
      ++count;
    }
  }
}

void go_on(MemoryFileSystem& files, const LogConfig& config, const Recovered& found) {
  if (found.state.hard_state.term.value > kIndexMax || found.last_index().value >= kIndexMax) {
    return;
  }
  auto log = LogWriter::open(files, config, found);
  require(log.ok());
  const std::byte payload[3] = {};
  const Index index = next(found.last_index());
  const Term term{std::max(found.state.last.term.value, std::uint64_t{1})};
  const Entry entry{term, index, payload, 3};
  Work work;
  work.entries = {&entry, 1};
  require((*log)->append(work) == Outcome::kOk && (*log)->flush() == Outcome::kOk);
  const auto again = recover(files);
  require(again.ok() && again->standing == Standing::kKnown);
  require(again->last_index() == index);
  require(!again->runs.empty() && again->runs.back().last == index);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  auto rest = std::as_bytes(std::span(data, size));
  const bool is_mended = (std::to_integer<int>(rest[0]) & 1) != 0;
  rest = rest.subspan(1);
  MemoryFileSystem files;
  require(write_identity(files, {"c", NodeId{1}, 1}).ok());
  LogConfig config;
  config.segment_bytes = kSegmentBytesMin;
  for (std::uint64_t epoch = 1; rest.size() >= 2; ++epoch) {
    const std::size_t length =
        std::min<std::size_t>(load_le<std::uint16_t>(rest.data()), rest.size() - 2);
    Bytes bytes(rest.begin() + 2, rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(2 + length);
    bytes.resize(std::max<std::size_t>(bytes.size(), kSegmentBytesMin));
    if (is_mended) mend(bytes, epoch);
    require((*files.open(segment_name(epoch), OpenMode::kCreate))->write(0, bytes).ok());
  }
  const auto found = recover(files);
  require(found.ok());
  if (found->standing != Standing::kKnown) return 0;
  std::uint64_t faulty = 0;
  Index previous = found->snapshot.index;
  for (const IndexRange& range : found->faulty) {
    require(range.first > previous && range.first <= range.last);
    previous = range.last;
    faulty += range.last.value - range.first.value + 1;
  }
  const std::uint64_t intact = count_intact(files, *found);
  require(intact + faulty == found->last_index().value - found->snapshot.index.value);
  require(found->intact_last() <= found->last_index());
  go_on(files, config, *found);
  return 0;
}
