#include "tools/ringroad-fabric/switch_table.h"

#include <gtest/gtest.h>

namespace ringroad::fabric {
namespace {

MacAddress station(std::uint32_t n) {
  return {{0x02, 0x52, static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16),
           static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)}};
}

TEST(SwitchTable, FindsAStationBehindThePortItWasLastSeenOn) {
  SwitchTable table;
  EXPECT_EQ(table.find(station(1), seconds(1)), std::nullopt);
  table.learn(station(1), PortId{3}, seconds(1));
  EXPECT_EQ(table.find(station(1), seconds(2)), PortId{3});
  table.learn(station(1), PortId{4}, seconds(3));
  EXPECT_EQ(table.find(station(1), seconds(3)), PortId{4});
  EXPECT_EQ(table.moves(), 1u);
}

TEST(SwitchTable, ForgetsAStationNotHeardFromForTheAgeingTime) {
  SwitchTable table(seconds(10));
  table.learn(station(1), PortId{1}, seconds(1));
  EXPECT_EQ(table.find(station(1), seconds(11) - Nanos{1}), PortId{1});
  EXPECT_EQ(table.find(station(1), seconds(11)), std::nullopt);
  table.learn(station(1), PortId{1}, seconds(12));
  EXPECT_EQ(table.find(station(1), seconds(13)), PortId{1});
}

TEST(SwitchTable, NeverLearnsGroupOrZeroAddresses) {
  SwitchTable table;
  table.learn(kMacBroadcast, PortId{1}, seconds(1));
  table.learn(MacAddress{{0x01, 0, 0x5e, 0, 0, 1}}, PortId{1}, seconds(1));
  table.learn(MacAddress{}, PortId{1}, seconds(1));
  EXPECT_TRUE(table.stations(seconds(1)).empty());
  EXPECT_EQ(table.find(kMacBroadcast, seconds(1)), std::nullopt);
  EXPECT_EQ(table.find(MacAddress{}, seconds(1)), std::nullopt);
}

TEST(SwitchTable, ForgetsEverythingBehindAPortThatLeft) {
  SwitchTable table;
  table.learn(station(1), PortId{1}, seconds(1));
  table.learn(station(2), PortId{2}, seconds(1));
  table.forget(PortId{1});
  EXPECT_EQ(table.find(station(1), seconds(1)), std::nullopt);
  EXPECT_EQ(table.find(station(2), seconds(1)), PortId{2});
}

TEST(SwitchTable, AFloodOfAddressesDoesNotGrowItNorPushOutOtherPorts) {
  SwitchTable table;
  // Few enough that no set of eight holds more of port 1 than of port 2 once the flood is in.
  for (std::uint32_t n = 0; n < 64; ++n) table.learn(station(n), PortId{1}, seconds(1));
  for (std::uint32_t n = 0; n < 100'000; ++n) {
    table.learn(station(0x10000 + n), PortId{2}, seconds(2));
  }
  EXPECT_LE(table.stations(seconds(2)).size(), SwitchTable::kSets * SwitchTable::kWays);
  EXPECT_GT(table.evictions(), 90'000u);
  for (std::uint32_t n = 0; n < 64; ++n) {
    EXPECT_EQ(table.find(station(n), seconds(2)), PortId{1}) << n;
  }
}

TEST(SwitchTable, ListsStationsByAddress) {
  SwitchTable table;
  table.learn(station(9), PortId{1}, seconds(1));
  table.learn(station(4), PortId{2}, seconds(2));
  const auto stations = table.stations(seconds(3));
  ASSERT_EQ(stations.size(), 2u);
  EXPECT_EQ(stations[0].mac, station(4));
  EXPECT_EQ(stations[0].port, PortId{2});
  EXPECT_EQ(stations[1].last_seen, seconds(1));
}

}  // namespace
}  // namespace ringroad::fabric
