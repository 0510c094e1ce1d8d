#include "tools/ringroad-fabric/words.h"

#include <gtest/gtest.h>

#include <array>

#include "tools/ringroad-fabric/fault_words.h"

namespace ringroad::fabric {
namespace {

TEST(Words, DurationsWantAUnit) {
  EXPECT_EQ(parse_duration("250ns"), Nanos{250});
  EXPECT_EQ(parse_duration("50us"), microseconds(50));
  EXPECT_EQ(parse_duration("1.5ms"), microseconds(1'500));
  EXPECT_EQ(parse_duration("2s"), seconds(2));
  EXPECT_EQ(parse_duration("0"), Nanos{});
  for (const char* bad :
       {"", "5", "-5us", "5 us", "us", "1..5us", "1e3us", "3601s", "nan", "5xs"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(Words, SharesRatesBytesAndCounts) {
  EXPECT_EQ(parse_ppm("1%"), 10'000u);
  EXPECT_EQ(parse_ppm("0.25%"), 2'500u);
  EXPECT_EQ(parse_ppm("500ppm"), 500u);
  EXPECT_EQ(parse_ppm("100%"), 1'000'000u);
  for (const char* bad : {"", "1", "101%", "-1%", "%", ".5%"}) {
    EXPECT_EQ(parse_ppm(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_bits_per_s("10G"), 10'000'000'000u);
  EXPECT_EQ(parse_bits_per_s("2.5M"), 2'500'000u);
  EXPECT_EQ(parse_bits_per_s("64k"), 64'000u);
  EXPECT_EQ(parse_bits_per_s("2T"), std::nullopt);
  EXPECT_EQ(parse_bytes("64K"), 65'536u);
  EXPECT_EQ(parse_bytes("9000"), 9'000u);
  EXPECT_EQ(parse_count("17", 64), 17u);
  EXPECT_EQ(parse_count("65", 64), std::nullopt);
  EXPECT_EQ(parse_count("+5", 64), std::nullopt);
  EXPECT_EQ(parse_count("99999999999999999999999", ~0ull), std::nullopt);
}

TEST(Words, WhatIsPrintedIsReadBackTheSame) {
  for (const std::int64_t ns : {0ll, 1ll, 250ll, 50'000ll, 1'500'000ll, 2'000'000'000ll}) {
    EXPECT_EQ(parse_duration(format_duration(Nanos{ns})), Nanos{ns});
  }
  for (const std::uint32_t ppm : {0u, 1u, 500u, 2'500u, 123'456u, 1'000'000u}) {
    EXPECT_EQ(parse_ppm(format_ppm(ppm)), ppm) << format_ppm(ppm);
  }
  for (const std::uint64_t rate : {0ull, 64'000ull, 2'500'000ull, 10'000'000'000ull}) {
    EXPECT_EQ(parse_bits_per_s(format_bits_per_s(rate)), rate);
  }
}

TEST(Words, AnUnknownWordIsToldTheNearestOne) {
  constexpr std::array<std::string_view, 3> kKnown = {"loss", "delay", "jitter"};
  EXPECT_EQ(unknown_word("los", "fault", kKnown),
            "\"los\" is not a fault; did you mean \"loss\"? (one of: loss, delay, jitter)");
  EXPECT_EQ(unknown_word("xyzzyplugh", "fault", kKnown),
            "\"xyzzyplugh\" is not a fault (one of: loss, delay, jitter)");
}

TEST(FaultWords, DirectionsNameTheirPairs) {
  const auto pairs = [](std::string_view text) {
    const auto direction = parse_direction(text, 3);
    EXPECT_TRUE(direction.ok()) << text;
    std::string named;
    for_each_pair(*direction, 3, [&](PortId from, PortId to) {
      named += std::to_string(from.value) + std::to_string(to.value) + " ";
    });
    return named;
  };
  EXPECT_EQ(pairs("1->2"), "12 ");
  EXPECT_EQ(pairs("1:2"), "12 ");
  EXPECT_EQ(pairs("1<->2"), "12 21 ");
  EXPECT_EQ(pairs("*->2"), "12 32 ");
  EXPECT_EQ(pairs("2->*"), "21 23 ");
  EXPECT_EQ(pairs("2<->*"), "12 21 23 32 ");
  EXPECT_EQ(pairs("all"), "12 13 21 23 31 32 ");
  for (const char* bad :
       {"", "1", "1-2", "1->4", "0->1", "1->1", "->", "1->x", "1->2->3", "65->1"}) {
    EXPECT_FALSE(parse_direction(bad, 3).ok()) << bad;
  }
}

TEST(FaultWords, SettingsChangeOnlyWhatIsNamed) {
  Faults faults(3, 1);
  const auto set = [&](std::vector<std::string_view> words) {
    return set_faults(faults, 3, *parse_direction("1->2", 3), words);
  };
  ASSERT_TRUE(set({"loss=1%", "delay=50us", "rate=10G", "queue=64K"}).ok());
  ASSERT_TRUE(
      set({"jitter=10us", "reorder=2%", "reorder-delay=1ms", "duplicate=3%", "corrupt=4%"}).ok());
  EXPECT_EQ(format_faults(faults.settings(PortId{1}, PortId{2})),
            "loss=1% corrupt=4% duplicate=3% reorder=2% reorder-delay=1ms delay=50us jitter=10us "
            "rate=10G queue=65536");
  EXPECT_EQ(faults.settings(PortId{2}, PortId{1}), FaultSettings{});
  ASSERT_TRUE(set({"none"}).ok());
  EXPECT_TRUE(faults.is_clear(PortId{1}, PortId{2}));
}

TEST(FaultWords, AMistakeNamesWordValueAndWhatWasExpectedAndChangesNothing) {
  Faults faults(2, 1);
  const auto refusal = [&](std::string_view word) {
    const std::vector<std::string_view> words = {"delay=1ms", word};
    const absl::Status status = set_faults(faults, 2, Direction{}, words);
    EXPECT_FALSE(status.ok()) << word;
    EXPECT_EQ(faults.settings(PortId{1}, PortId{2}), FaultSettings{});
    return std::string(status.message());
  };
  EXPECT_NE(refusal("dely=5us").find("did you mean \"delay\"?"), std::string::npos);
  EXPECT_EQ(refusal("loss=2"), "loss: \"2\" is not a share of frames: 1%, 0.5%, 200ppm or 0");
  EXPECT_NE(refusal("rate").find("wants a value"), std::string::npos);
  EXPECT_NE(refusal("queue=0").find("1 to 1G"), std::string::npos);
  EXPECT_NE(refusal("=").find("is not a fault"), std::string::npos);
}

}  // namespace
}  // namespace ringroad::fabric
