#include "tools/ringroad-fabric/capture.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "tests/temporary_directory.h"
#include "tests/unit/tools/fabric/memory_port.h"

namespace ringroad::fabric {
namespace {

class CaptureTest : public testing::Test {
 protected:
  std::string path() const { return directory_ / "a.pcap"; }
  std::string contents() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static std::uint32_t word(const std::string& bytes, std::size_t at) {
    std::uint32_t value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }

  TemporaryDirectory directory_;
};

TEST_F(CaptureTest, WritesNanosecondPcapOfWholeFrames) {
  WiredFabric w(3);
  ASSERT_TRUE(w.fabric.capture().start({.path = path(), .port = {}}, 1'522, seconds(1'000)).ok());
  w.now = seconds(2) + Nanos{345};
  const std::string sent = frame(2, 1, "hello");
  w.wire(1).incoming.push_back(sent);
  w.settle();
  w.fabric.capture().stop();
  const std::string bytes = contents();
  ASSERT_EQ(bytes.size(), 24 + 16 + sent.size()) << "flooded to two ports, captured once";
  EXPECT_EQ(word(bytes, 0), 0xa1b23c4d);
  EXPECT_EQ(word(bytes, 16), 1'522u);
  EXPECT_EQ(word(bytes, 20), 1u) << "Ethernet";
  EXPECT_EQ(word(bytes, 24), 1'002u);
  EXPECT_EQ(word(bytes, 28), 345u);
  EXPECT_EQ(word(bytes, 32), sent.size());
  EXPECT_EQ(bytes.substr(40), sent);
  EXPECT_EQ(w.fabric.capture().state(), CaptureState::kStopped);
}

TEST_F(CaptureTest, OfOnePortShowsWhatGoesInAndWhatComesOutAfterTheFaults) {
  WiredFabric w(3);
  w.fabric.faults().set(PortId{1}, PortId{2}, {.partitioned = true});
  ASSERT_TRUE(w.fabric.capture().start({.path = path(), .port = PortId{2}}, 1'522, {}).ok());
  w.wire(1).incoming.push_back(frame(2, 1, "cut off"));
  w.wire(3).incoming.push_back(frame(2, 3, "out"));
  w.settle();
  w.wire(2).incoming.push_back(frame(3, 2, "in"));
  w.settle();
  w.fabric.capture().stop();
  EXPECT_EQ(w.fabric.capture().frames(), 2u);
  EXPECT_NE(contents().find("out"), std::string::npos);
  EXPECT_NE(contents().find("in"), std::string::npos);
  EXPECT_EQ(contents().find("cut off"), std::string::npos);
}

TEST_F(CaptureTest, EndsAtItsBounds) {
  WiredFabric w(2);
  ASSERT_TRUE(
      w.fabric.capture().start({.path = path(), .port = {}, .frames_max = 3}, 1'522, {}).ok());
  for (int i = 0; i < 10; ++i) w.wire(1).incoming.push_back(frame(2, 1, "x"));
  w.settle();
  EXPECT_EQ(w.fabric.capture().frames(), 3u);
  EXPECT_EQ(w.fabric.capture().state(), CaptureState::kFull);
  EXPECT_EQ(contents().size(), 24u + 3 * (16 + 15));

  ASSERT_TRUE(
      w.fabric.capture().start({.path = path(), .port = {}, .bytes_max = 100}, 1'522, {}).ok());
  for (int i = 0; i < 10; ++i) w.wire(1).incoming.push_back(frame(2, 1, "x"));
  w.settle();
  EXPECT_EQ(w.fabric.capture().state(), CaptureState::kFull);
  EXPECT_LE(contents().size(), 100u);
  EXPECT_EQ(w.wire(2).outgoing.size(), 20u) << "the switch went on";
}

TEST_F(CaptureTest, AFullDiskEndsTheCaptureAndNotTheSwitch) {
  struct stat status{};
  if (stat("/dev/full", &status) != 0) GTEST_SKIP() << "no /dev/full here";
  WiredFabric w(2);
  const absl::Status started =
      w.fabric.capture().start({.path = "/dev/full", .port = {}}, 1'522, {});
  EXPECT_FALSE(started.ok());
  EXPECT_EQ(w.fabric.capture().state(), CaptureState::kFailed);
  EXPECT_NE(w.fabric.capture().failure().find("/dev/full"), std::string::npos);
  w.wire(1).incoming.push_back(frame(2, 1, "x"));
  w.settle();
  EXPECT_EQ(w.wire(2).outgoing.size(), 1u);
}

TEST_F(CaptureTest, APipeNobodyEmptiesEndsTheCaptureWhileFramesPass) {
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  const int reader = open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  WiredFabric w(2);
  ASSERT_TRUE(w.fabric.capture().start({.path = path(), .port = {}}, 1'522, {}).ok());
  for (int i = 0; i < 1'000; ++i) {
    w.wire(1).incoming.push_back(frame(2, 1, std::string(1'000, 'x')));
    w.settle();
  }
  EXPECT_EQ(w.fabric.capture().state(), CaptureState::kFailed);
  EXPECT_EQ(w.wire(2).outgoing.size(), 1'000u);
  const auto told = w.fabric.capture().take_failure();
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(*told, w.fabric.capture().failure());
  EXPECT_NE(told->find(path()), std::string::npos);
  EXPECT_FALSE(w.fabric.capture().take_failure().has_value()) << "it is told once";
  close(reader);
}

TEST_F(CaptureTest, AnUnwritablePathIsNamed) {
  Capture capture;
  const absl::Status status =
      capture.start({.path = directory_ / "missing/a.pcap", .port = {}}, 1'522, {});
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("/missing/a.pcap"), absl::string_view::npos);
  EXPECT_EQ(capture.state(), CaptureState::kOff);
}

}  // namespace
}  // namespace ringroad::fabric
