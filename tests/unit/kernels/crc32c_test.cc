#include "dataplane/kernels/crc32c.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "dataplane/base/prng.h"

namespace ringroad {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::vector<std::byte> random_bytes(Prng& prng, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(prng.next());
  return bytes;
}

TEST(Crc32c, GivesThePublishedCheckValue) {
  const auto digits = bytes_of("123456789");
  EXPECT_EQ(crc32c(digits), 0xE3069283u);
  EXPECT_EQ(crc32c_portable(digits), 0xE3069283u);
  EXPECT_EQ(crc32c_inline_extend(0, digits), 0xE3069283u);
  EXPECT_EQ(crc32c_isal_extend(0, digits), 0xE3069283u);
}

// RFC 3720, appendix B.4.
TEST(Crc32c, GivesTheVectorsOfIscsi) {
  const std::vector<std::byte> zeros(32, std::byte{0});
  const std::vector<std::byte> ones(32, std::byte{0xff});
  EXPECT_EQ(crc32c(zeros), 0x8A9136AAu);
  EXPECT_EQ(crc32c(ones), 0x62A8AB43u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, EveryVariantAgreesWithThePortableTwinAtEveryLengthAndAlignment) {
  Prng prng{1};
  const auto data = random_bytes(prng, 2'048 + 64);
  for (std::size_t length = 0; length <= 400; ++length) {
    for (std::size_t offset = 0; offset < 17; ++offset) {
      const auto part = std::span(data).subspan(offset, length);
      const std::uint32_t want = crc32c_portable(part);
      ASSERT_EQ(crc32c(part), want) << length << " at " << offset;
      ASSERT_EQ(crc32c_inline_extend(0, part), want) << length << " at " << offset;
      ASSERT_EQ(crc32c_isal_extend(0, part), want) << length << " at " << offset;
    }
  }
}

TEST(Crc32c, ExtendingOverAnySplitEqualsTheWhole) {
  Prng prng{2};
  for (int round = 0; round < 500; ++round) {
    const auto data = random_bytes(prng, prng.below(9'000));
    const auto split = prng.below(data.size() + 1);
    const auto head = std::span(data).first(split);
    const auto tail = std::span(data).subspan(split);
    ASSERT_EQ(crc32c_extend(crc32c(head), tail), crc32c_portable(data));
    ASSERT_EQ(crc32c_portable_extend(crc32c_portable(head), tail), crc32c(data));
  }
}

TEST(Crc32c, EverySingleBitFlipChangesIt) {
  Prng prng{3};
  auto data = random_bytes(prng, 200);
  const std::uint32_t want = crc32c(data);
  for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
    data[bit / 8] ^= std::byte{1} << (bit % 8);
    ASSERT_NE(crc32c(data), want);
    data[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

}  // namespace
}  // namespace ringroad
