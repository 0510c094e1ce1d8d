#include "dataplane/net/address.h"

#include <gtest/gtest.h>

namespace ringroad {
namespace {

TEST(Ipv4Address, ReadsDottedQuadsAndWritesThemBack) {
  for (const char* text : {"0.0.0.0", "10.0.1.2", "255.255.255.255", "192.168.0.10"}) {
    const auto address = parse_ipv4(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), text);
  }
  EXPECT_EQ(parse_ipv4("10.0.1.2")->value, 0x0a000102u);
}

TEST(Ipv4Address, RefusesWhatIsNotOne) {
  for (const char* text :
       {"",           "10",         "10.0.0",      "10.0.0.",           "10.0.0.0.",
        "10.0.0.0.0", "10.0.0.256", "10.0.0.01",   "010.0.0.1",         "10..0.1",
        ".10.0.1",    "10.0.0.1 ",  " 10.0.0.1",   "10.0.0.-1",         "10.0.0.+1",
        "10.0.0.0x1", "10,0,0,1",   "10.0.0.1000", "99999999999.0.0.1", "::1",
        "localhost"}) {
    EXPECT_FALSE(parse_ipv4(text)) << '"' << text << '"';
  }
}

TEST(MacAddress, ReadsColonSeparatedHexAndWritesItInLowerCase) {
  const auto mac = parse_mac("02:aB:cd:EF:00:9f");
  ASSERT_TRUE(mac);
  EXPECT_EQ(to_string(*mac), "02:ab:cd:ef:00:9f");
  EXPECT_FALSE(mac->is_multicast());
  EXPECT_TRUE(parse_mac("01:00:5e:00:00:01")->is_multicast());
}

TEST(MacAddress, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "02:52:52:00:00", "02:52:52:00:00:0", "02:52:52:00:00:001", "02-52-52-00-00-01",
        "02:52:52:00:00:0g", "025252000001", "02:52:52:00:00:01:", "02:52:52:00:00:01:02"}) {
    EXPECT_FALSE(parse_mac(text)) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace ringroad
