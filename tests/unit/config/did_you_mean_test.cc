#include "dataplane/did_you_mean.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringroad {
namespace {

const std::vector<std::string> kWords = {"memif", "tap", "af_packet", "null", "ring"};

TEST(DidYouMean, FindsTheNearestWord) {
  EXPECT_EQ(did_you_mean("memfi", kWords), "memif");  // a swap
  EXPECT_EQ(did_you_mean("meif", kWords), "memif");   // one missing
  EXPECT_EQ(did_you_mean("rring", kWords), "ring");   // one too many
  EXPECT_EQ(did_you_mean("nill", kWords), "null");    // one wrong
  EXPECT_EQ(did_you_mean("AF_PACKET", kWords), "af_packet");
  EXPECT_EQ(did_you_mean("af-paket", kWords), "af_packet");
}

TEST(DidYouMean, SaysNothingWhenNothingIsNear) {
  EXPECT_FALSE(did_you_mean("", kWords));
  EXPECT_FALSE(did_you_mean("infiniband", kWords));
  EXPECT_FALSE(did_you_mean("xyz", kWords));
  EXPECT_FALSE(did_you_mean(std::string(100'000, 'm'), kWords));
  EXPECT_FALSE(did_you_mean("memif", {}));
}

}  // namespace
}  // namespace ringroad
