// What loss costs: goodput in virtual time on a wire of known rate and round trip.
#include <gtest/gtest.h>

#include "tests/sim/link/link_world.h"

namespace ringroad::sim {
namespace {

struct Wire {
  std::uint32_t loss_ppm = 0;
  std::uint32_t frame_bytes = 1'432;
  std::uint32_t message_bytes = 1'024;
  Nanos latency = microseconds(10);
  std::uint8_t stalled = 0;  // priorities whose receivers do not read
};

// Bits of payload a second over 20 ms of virtual time at 10 Gb/s.
double goodput(const Wire& wire) {
  Scenario scenario;
  scenario.seed = 7;
  scenario.one_way = true;
  scenario.link.frame_bytes_max = wire.frame_bytes;
  scenario.latency = wire.latency;
  for (PathFaults& faults : scenario.faults) faults.loss_ppm = wire.loss_ppm;
  LinkWorld world(scenario);
  const std::uint64_t bytes = world.stream_for(milliseconds(20), wire.message_bytes, wire.stalled);
  return static_cast<double>(bytes) * 8 / 0.020;
}

TEST(Goodput, ALosslessWireIsFilled) {
  // 1,024 of 1,142 bytes on the wire are payload when each frame carries one message.
  EXPECT_GT(goodput({}), 8.5e9);
}

TEST(Goodput, OneFrameInAThousandLostCostsLessThanATenth) {
  for (const std::uint32_t message : {64u, 1'024u, 60'000u}) {
    for (const std::uint32_t frame : {1'432u, 8'932u}) {
      Wire wire{.frame_bytes = frame, .message_bytes = message};
      const double lossless = goodput(wire);
      wire.loss_ppm = 1'000;
      EXPECT_GE(goodput(wire), 0.9 * lossless) << message << " in " << frame;
    }
  }
}

TEST(Goodput, OneFrameInAHundredLostCostsLessThanHalf) {
  Wire wire;
  const double lossless = goodput(wire);
  wire.loss_ppm = 10'000;
  EXPECT_GE(goodput(wire), 0.5 * lossless);
}

TEST(Goodput, PrioritiesThatNobodyReadsCostTheOthersLittle) {
  for (const std::uint32_t message : {200u, 1'024u, 20'000u}) {
    Wire wire{.loss_ppm = 1'000, .message_bytes = message};
    const double all = goodput(wire);
    wire.stalled = 0b1;
    EXPECT_GE(goodput(wire), 0.9 * all) << message;
    wire.stalled = 0b1010'1010;
    EXPECT_GE(goodput(wire), 0.5 * all) << message;
  }
}

TEST(Goodput, ThirtyPercentLossStillMakesProgress) {
  EXPECT_GE(goodput({.loss_ppm = 300'000}), 50e6);
}

}  // namespace
}  // namespace ringroad::sim
