// The bytes of a pcapng file against the draft's layout, and what tshark reads out of one.
#include "tools/ringroad/pcapng.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace ringroad::cli {
namespace {

template <typename Number>
Number at(const std::string& bytes, std::size_t offset) {
  Number value{};
  EXPECT_LE(offset + sizeof value, bytes.size());
  if (offset + sizeof value <= bytes.size()) {
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  }
  return value;
}

struct BlockRead {
  std::uint32_t type = 0;
  std::string body;
};

// Splits a file into its blocks, whose two lengths have to agree.
std::vector<BlockRead> blocks_of(const std::string& bytes) {
  std::vector<BlockRead> blocks;
  for (std::size_t offset = 0; offset < bytes.size();) {
    const auto length = at<std::uint32_t>(bytes, offset + 4);
    EXPECT_EQ(length % 4, 0u);
    if (length < 12 || offset + length > bytes.size()) {
      ADD_FAILURE() << "block length " << length << " at " << offset;
      return blocks;
    }
    EXPECT_EQ(at<std::uint32_t>(bytes, offset + length - 4), length);
    blocks.push_back({at<std::uint32_t>(bytes, offset), bytes.substr(offset + 8, length - 12)});
    offset += length;
  }
  return blocks;
}

// The value of the first option `code` after `offset`, or "(none)".
std::string option_of(const std::string& body, std::size_t offset, std::uint16_t code) {
  while (offset + 4 <= body.size()) {
    const auto found = at<std::uint16_t>(body, offset);
    const auto length = at<std::uint16_t>(body, offset + 2);
    if (found == 0) break;
    if (found == code) return body.substr(offset + 4, length);
    offset += 4 + (length + 3u) / 4 * 4;
  }
  return "(none)";
}

std::vector<std::byte> frame_of(std::size_t size) {
  std::vector<std::byte> bytes(size, std::byte{0x5a});
  for (std::size_t i = 0; i < 12 && i < size; ++i) bytes[i] = std::byte{2};
  if (size >= 14) {
    bytes[12] = std::byte{0x88};  // an EtherType for local experiments
    bytes[13] = std::byte{0xb5};
  }
  return bytes;
}

TEST(Pcapng, TheHeadIsASectionAndOneEthernetInterfaceWithNanosecondTimes) {
  const auto blocks = blocks_of(pcapng_head("node 1 port 0", 128, "as asked"));
  ASSERT_EQ(blocks.size(), 2u);

  const BlockRead& section = blocks[0];
  EXPECT_EQ(section.type, 0x0a0d0d0au);
  EXPECT_EQ(at<std::uint32_t>(section.body, 0), 0x1a2b3c4du);
  EXPECT_EQ(at<std::uint16_t>(section.body, 4), 1);
  EXPECT_EQ(at<std::uint16_t>(section.body, 6), 0);
  EXPECT_EQ(at<std::int64_t>(section.body, 8), -1);
  EXPECT_EQ(option_of(section.body, 16, 1), "as asked");
  EXPECT_EQ(option_of(section.body, 16, 4), "ringroad capture");

  const BlockRead& interface = blocks[1];
  EXPECT_EQ(interface.type, 1u);
  EXPECT_EQ(at<std::uint16_t>(interface.body, 0), 1);
  EXPECT_EQ(at<std::uint32_t>(interface.body, 4), 128u);
  EXPECT_EQ(option_of(interface.body, 8, 2), "node 1 port 0");
  EXPECT_EQ(option_of(interface.body, 8, 9), std::string("\x09"));
}

TEST(Pcapng, WithoutACommentThereIsNoneInTheFile) {
  EXPECT_EQ(option_of(blocks_of(pcapng_head("p", 64, ""))[0].body, 16, 1), "(none)");
}

TEST(Pcapng, APacketKeepsItsTimeLengthsDirectionAndBytes) {
  const auto frame = frame_of(61);  // padded by three
  for (const bool outgoing : {false, true}) {
    const auto blocks = blocks_of(pcapng_packet({.time_nanoseconds = 0x17123456789abcde,
                                                 .length = 1'500,
                                                 .is_outgoing = outgoing,
                                                 .bytes = frame}));
    ASSERT_EQ(blocks.size(), 1u);
    const std::string& body = blocks[0].body;
    EXPECT_EQ(blocks[0].type, 6u);
    EXPECT_EQ(at<std::uint32_t>(body, 0), 0u);
    EXPECT_EQ(at<std::uint32_t>(body, 4), 0x17123456u);
    EXPECT_EQ(at<std::uint32_t>(body, 8), 0x789abcdeu);
    EXPECT_EQ(at<std::uint32_t>(body, 12), 61u);
    EXPECT_EQ(at<std::uint32_t>(body, 16), 1'500u);
    EXPECT_EQ(std::memcmp(body.data() + 20, frame.data(), 61), 0);
    EXPECT_EQ(body.substr(81, 3), std::string(3, '\0'));
    const std::string flags = option_of(body, 84, 2);
    ASSERT_EQ(flags.size(), 4u);
    EXPECT_EQ(at<std::uint32_t>(flags, 0), outgoing ? 2u : 1u);
  }
}

TEST(Pcapng, APacketCutTooLongOrSaidTooShortIsStillAWholeBlock) {
  const auto giant = frame_of(70'000);
  const auto blocks = blocks_of(pcapng_packet({.length = 10, .bytes = giant}));
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(at<std::uint32_t>(blocks[0].body, 12), 65'535u);
  EXPECT_EQ(at<std::uint32_t>(blocks[0].body, 16), 65'535u);
}

TEST(Pcapng, TsharkReadsTheTimesLengthsAndDirections) {
  if (std::system("command -v tshark >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "tshark is not installed";
  }
  std::array<char, 32> path{"/tmp/ringroad-pcapng-XXXXXX"};
  const int descriptor = mkstemp(path.data());
  ASSERT_GE(descriptor, 0);
  close(descriptor);
  const auto first = frame_of(60), second = frame_of(97);
  std::ofstream(path.data(), std::ios::binary)
      << pcapng_head("node 1 port 0", 97, "two packets")
      << pcapng_packet({1'700'000'000'123'456'789, 60, false, first})
      << pcapng_packet({1'700'000'000'123'456'790, 9'014, true, second});

  const std::string command =
      std::string("timeout 60 tshark -n -r ") + path.data() +
      " -T fields -e frame.time_epoch -e frame.len -e frame.cap_len -e frame.packet_flags_direction"
      " -e frame.interface_name -e eth.type 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string out;
  for (std::array<char, 256> line; fgets(line.data(), line.size(), pipe) != nullptr;) {
    out += line.data();
  }
  EXPECT_EQ(pclose(pipe), 0);
  unlink(path.data());
  std::istringstream lines(out);
  std::string one, two;
  std::getline(lines, one);
  std::getline(lines, two);
  EXPECT_EQ(one, "1700000000.123456789\t60\t60\t0x00000001\tnode 1 port 0\t0x88b5") << out;
  EXPECT_EQ(two, "1700000000.123456790\t9014\t97\t0x00000002\tnode 1 port 0\t0x88b5") << out;
}

}  // namespace
}  // namespace ringroad::cli
