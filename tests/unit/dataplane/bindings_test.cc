#include "dataplane/bindings.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "dataplane/base/prng.h"

namespace ringroad {
namespace {

TEST(Bindings, AnUnboundTypeHasNoReceiver) {
  Bindings bindings;
  EXPECT_EQ(bindings.find(MessageType{7}), 0u);
}

TEST(Bindings, ATypeBelongsToOneExclusiveEndpoint) {
  Bindings bindings;
  EXPECT_EQ(bindings.bind(3, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  EXPECT_EQ(bindings.bind(4, MessageType{7}, BindMode::kExclusive), BindResult::kTaken);
  EXPECT_EQ(bindings.bind(4, MessageType{7}, BindMode::kShared), BindResult::kTaken);
  EXPECT_EQ(bindings.bind(3, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  EXPECT_EQ(bindings.find(MessageType{7}), 1u << 3);
}

TEST(Bindings, ASharedTypeReachesAllWhoShareIt) {
  Bindings bindings;
  EXPECT_EQ(bindings.bind(0, MessageType{7}, BindMode::kShared), BindResult::kBound);
  EXPECT_EQ(bindings.bind(63, MessageType{7}, BindMode::kShared), BindResult::kBound);
  EXPECT_EQ(bindings.bind(5, MessageType{7}, BindMode::kExclusive), BindResult::kTaken);
  EXPECT_EQ(bindings.find(MessageType{7}), (std::uint64_t{1} << 63) | 1);
  EXPECT_TRUE(bindings.unbind(0, MessageType{7}, BindMode::kShared));
  EXPECT_EQ(bindings.find(MessageType{7}), std::uint64_t{1} << 63);
}

TEST(Bindings, TheCatchAllGetsWhatNobodyElseIsBoundTo) {
  Bindings bindings;
  EXPECT_EQ(bindings.bind(1, MessageType{0}, BindMode::kCatchAll), BindResult::kBound);
  EXPECT_EQ(bindings.bind(2, MessageType{0}, BindMode::kCatchAll), BindResult::kTaken);
  EXPECT_EQ(bindings.bind(2, MessageType{9}, BindMode::kExclusive), BindResult::kBound);
  EXPECT_EQ(bindings.find(MessageType{9}), 1u << 2);
  EXPECT_EQ(bindings.find(MessageType{10}), 1u << 1);
  EXPECT_TRUE(bindings.unbind(1, MessageType{0}, BindMode::kCatchAll));
  EXPECT_EQ(bindings.find(MessageType{10}), 0u);
}

TEST(Bindings, UnbindingWhatIsNotBoundChangesNothing) {
  Bindings bindings;
  EXPECT_EQ(bindings.bind(1, MessageType{9}, BindMode::kExclusive), BindResult::kBound);
  EXPECT_FALSE(bindings.unbind(2, MessageType{9}, BindMode::kExclusive));
  EXPECT_FALSE(bindings.unbind(1, MessageType{9}, BindMode::kShared));
  EXPECT_FALSE(bindings.unbind(1, MessageType{8}, BindMode::kExclusive));
  EXPECT_FALSE(bindings.unbind(1, MessageType{8}, BindMode::kCatchAll));
  EXPECT_EQ(bindings.find(MessageType{9}), 1u << 1);
}

TEST(Bindings, AFullTableRefusesAndKeepsWhatItHas) {
  Bindings bindings;
  for (std::uint32_t i = 0; i < Bindings::kTypesMax; ++i) {
    ASSERT_EQ(bindings.bind(1, MessageType{i * 64}, BindMode::kExclusive), BindResult::kBound);
  }
  EXPECT_EQ(bindings.bind(1, MessageType{1}, BindMode::kExclusive), BindResult::kTableFull);
  for (std::uint32_t i = 0; i < Bindings::kTypesMax; ++i) {
    ASSERT_EQ(bindings.find(MessageType{i * 64}), 2u);
  }
  bindings.unbind_all(1);
  EXPECT_EQ(bindings.types(), 0u);
  EXPECT_EQ(bindings.find(MessageType{64}), 0u);
}

// A map from the standard library is the model; types are few enough to collide and be erased from
// the middle of a probe.
TEST(Bindings, AgreesWithAPlainMapUnderRandomUse) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng{seed};
    Bindings bindings;
    std::map<std::uint32_t, std::set<std::uint16_t>> model;
    for (int step = 0; step < 5'000; ++step) {
      const auto type = static_cast<std::uint32_t>(prng.below(600));
      const auto index = static_cast<std::uint16_t>(prng.below(4));
      switch (prng.below(8)) {
        case 0:
          bindings.unbind_all(index);
          for (auto it = model.begin(); it != model.end();) {
            it->second.erase(index);
            it = it->second.empty() ? model.erase(it) : std::next(it);
          }
          break;
        case 1:
        case 2:
        case 3: {
          const bool was = model.contains(type) && model[type].erase(index) != 0;
          if (model.contains(type) && model[type].empty()) model.erase(type);
          ASSERT_EQ(bindings.unbind(index, MessageType{type}, BindMode::kShared), was);
          break;
        }
        default:
          ASSERT_EQ(bindings.bind(index, MessageType{type}, BindMode::kShared), BindResult::kBound);
          model[type].insert(index);
      }
      std::uint64_t wanted = 0;
      if (model.contains(type)) {
        for (std::uint16_t i : model[type]) wanted |= std::uint64_t{1} << i;
      }
      ASSERT_EQ(bindings.find(MessageType{type}), wanted);
    }
    ASSERT_EQ(bindings.types(), model.size());
  }
}

}  // namespace
}  // namespace ringroad
