// The checksum against RFC 1071 word for word.
#include "dataplane/net/checksum.h"

#include <gtest/gtest.h>

#include "dataplane/base/prng.h"
#include "tests/unit/net/packets.h"

namespace ringroad {
namespace {

std::span<const std::byte> as_bytes(const test::Packet& packet) {
  return std::as_bytes(std::span(packet));
}

TEST(Checksum, MatchesTheExampleOfRfc1071Section3) {
  const test::Packet example = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_checksum(as_bytes(example)), 0xffff - 0xddf2);
}

TEST(Checksum, AgreesWithItsSimpleTwinAtEveryLengthAndOnLongRandomBytes) {
  Prng prng(1);
  for (std::size_t size = 0; size < 300; ++size) {
    test::Packet bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.below(256));
    EXPECT_EQ(internet_checksum(as_bytes(bytes)), test::simple_checksum(bytes)) << size;
  }
  for (const int fill : {0x00, 0x01, 0xfe, 0xff}) {
    const test::Packet bytes(65'535,
                             static_cast<std::uint8_t>(fill));  // the most carries
    EXPECT_EQ(internet_checksum(as_bytes(bytes)), test::simple_checksum(bytes)) << fill;
  }
}

TEST(Checksum, PartsOfEvenLengthAndFieldsAddUpToTheWhole) {
  const test::Packet whole = {1, 2, 3, 4, 5, 6, 0xab, 0xcd, 9};
  std::uint64_t sum = checksum_add(0, as_bytes(whole).first(6));
  sum = checksum_add(sum, std::uint16_t{0xabcd});
  sum = checksum_add(sum, as_bytes(whole).subspan(8));
  EXPECT_EQ(checksum_finish(sum), internet_checksum(as_bytes(whole)));
}

TEST(Checksum, IsZeroOverBytesThatHoldTheirOwn) {
  test::Packet bytes = {0x45, 0, 0, 20, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  test::set16(bytes, 10, test::simple_checksum(bytes));
  EXPECT_EQ(internet_checksum(as_bytes(bytes)), 0);
  bytes[8] ^= 1;
  EXPECT_NE(internet_checksum(as_bytes(bytes)), 0);
}

}  // namespace
}  // namespace ringroad
