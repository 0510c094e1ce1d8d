// Fuzzes the decoder of Raft's messages. What must hold for any bytes: nothing beyond them is read,
// what is handed out lies within them, and what decodes encodes and decodes to itself.
#include <cstdlib>
#include <vector>

#include "consensus/core/codec.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

bool is_inside(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringroad::raft;
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<Entry> entries;
  Message message;
  const DecodeResult result = decode(bytes, entries, message);
  require(!name_of(result).empty());
  if (result != DecodeResult::kOk) return 0;
  require(travels(message.type));
  require(is_inside({message.chunk, message.chunk_bytes}, bytes));
  for (const Entry& e : message.entries) require(is_inside(e.payload(), bytes));

  std::vector<std::byte> again(encoded_bytes(message));
  require(encode(message, again) == again.size());
  std::vector<Entry> entries_again;
  Message back;
  require(decode(again, entries_again, back) == DecodeResult::kOk);
  std::vector<std::byte> third(encoded_bytes(back));
  require(encode(back, third) == third.size());
  require(third == again);
  return 0;
}
