// What answers look like: the cluster at a glance, top's frames, captured packets, redrawing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "tools/ringroad/capture_line.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/screen.h"
#include "tools/ringroad/top_frame.h"

namespace ringroad::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

json node(std::uint64_t id, double sent) {
  return {{"node_id", id},
          {"name", "a-rather-long-name-of-node-" + std::to_string(id)},
          {"zone", "a-zone-with-a-long-name"},
          {"state", id % 2 == 0 ? "up" : "degraded"},
          {"role", "follower"},
          {"messages_sent_per_second", sent},
          {"messages_received_per_second", 999'999.0},
          {"round_trip_p99_seconds", 123e-6},
          {"links_up", 63},
          {"links_total", 63},
          {"sees", {1, 2}},
          {"since_seconds", 7'000},
          {"told_seconds", 1.0}};
}

json cluster(std::uint64_t count) {
  json answer = {{"cluster", std::string(200, 'c')}, {"plain", true}, {"leader", 2}};
  answer["nodes"] = json::array();
  for (std::uint64_t id = 1; id <= count; ++id) {
    answer["nodes"].push_back(node(id, static_cast<double>(id) * 1e6));
  }
  answer["problems"] = {{{"severity", "wrong"},
                         {"text",
                          "node 3: link to node 1 is down for 38 s, and this goes on for "
                          "longer than a line has room for"},
                         {"next", {"ringroad link show 1-3", "ringroad doctor --node 3"}}}};
  return answer;
}

void expect_fits(const std::string& text, std::size_t columns, std::size_t rows) {
  std::size_t lines = 0;
  for (std::size_t begin = 0; begin < text.size(); ++lines) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    EXPECT_LE(width_of(text.substr(begin, end - begin)), columns)
        << text.substr(begin, end - begin);
    begin = end + 1;
  }
  EXPECT_LE(lines, rows) << text;
}

TEST(ClusterText, FitsAndNamesWhatIsWrongAndNext) {
  const std::string text = cluster_text(cluster(64), {});
  expect_fits(text, 80, 100);
  EXPECT_THAT(text, HasSubstr("frames are NOT encrypted"));
  EXPECT_THAT(text, HasSubstr("leader node 2"));
  EXPECT_THAT(text, HasSubstr("! node 3: link to node 1 is down"));
  EXPECT_THAT(text, HasSubstr("  next: ringroad link show 1-3      ringroad doctor --node 3\n"));
  EXPECT_THAT(text, HasSubstr("does not see nodes 3-64"));
  EXPECT_THAT(text, HasSubstr("and 60 more nodes do not see all"));
}

TEST(ClusterText, SaysWhenAllSeeEachOther) {
  EXPECT_THAT(cluster_text(cluster(2), {}), HasSubstr("all nodes see each other\n"));
}

TEST(ClusterText, SaysNothingOfWhomASilentNodeSees) {
  json answer = cluster(2);
  for (const json& nobody : {json(nullptr), json::array()}) {
    answer["nodes"][0]["sees"] = nobody;
    answer["nodes"][0]["links_up"] = nullptr;
    answer["nodes"][0]["told_seconds"] = 5.1;
    const std::string text = cluster_text(answer, {});
    EXPECT_THAT(text, Not(HasSubstr("node 1 does not see"))) << nobody;
    EXPECT_THAT(text, Not(HasSubstr("all nodes see each other"))) << nobody;
  }
  answer["nodes"][0]["sees"] = json::array();
  answer["nodes"][0]["links_up"] = 0;
  EXPECT_THAT(cluster_text(answer, {}), HasSubstr("node 1 does not see node 2\n"));
}

TEST(ClusterText, CountsDegradedNodesAsUp) {
  json answer = cluster(3);
  answer["cluster"] = "demo";
  answer["leader"] = nullptr;
  answer["nodes"][0]["state"] = "down";
  EXPECT_THAT(cluster_text(answer, {}), HasSubstr("3 nodes, 2 up (1 degraded)"));
}

TEST(ClusterText, NamesTheCommandThatMendsWhole) {
  json answer = cluster(1);
  const std::string mend = "tools/deploy_distributed.sh restart 3 dataplane --directory /tmp/where";
  answer["problems"][0]["mend"] = mend;
  EXPECT_THAT(cluster_text(answer, {}), HasSubstr("\n  mend: " + mend + "\n"));
}

TEST(ClusterText, AnyProblemAndAnyNodeThatIsNotUpIsUnhealthy) {
  json answer = cluster(1);
  answer["nodes"][0]["state"] = "up";
  EXPECT_EQ(judge_problems(answer), ExitCode::kUnhealthy);
  answer["problems"][0]["severity"] = "warning";
  EXPECT_EQ(judge_problems(answer), ExitCode::kUnhealthy);
  answer["problems"] = json::array();
  EXPECT_EQ(judge_problems(answer), ExitCode::kOk);
  answer["nodes"][0]["state"] = "unknown";
  EXPECT_EQ(judge_problems(answer), ExitCode::kUnhealthy);
  EXPECT_EQ(judge_problems(json(3)), ExitCode::kOk);
}

json top_answer(std::uint64_t nodes, std::uint64_t links) {
  json answer = {{"cluster", cluster(nodes)}, {"links", {{"node_id", 1}}}};
  answer["links"]["links"] = json::array();
  for (std::uint64_t peer = 2; peer < 2 + links; ++peer) {
    json link = node(peer, 5.0);
    link["peer_id"] = peer;
    answer["links"]["links"].push_back(link);
  }
  answer["node"] = {{"drops", {{"no_buffer", 12}}},
                    {"loops", {{{"name", "io 0"}, {"busy_share", 0.5}}}}};
  return answer;
}

TEST(TopFrame, FitsEveryTerminal) {
  for (const std::size_t rows : {24U, 30U, 50U}) {
    for (const std::uint64_t links : {0U, 1U, 63U}) {
      expect_fits(top_frame(top_answer(64, links), SortKey::kNode, {}, rows, "note"), 80, rows);
    }
  }
}

TEST(TopFrame, ShowsEverythingWhereThereIsRoom) {
  const auto text = top_frame(top_answer(64, 63), SortKey::kNode, {}, 0, "");
  EXPECT_THAT(text, Not(HasSubstr("more")));
  EXPECT_THAT(text, HasSubstr("dropped no_buffer 12"));
}

TEST(TopFrame, TheLargestComeFirst) {
  const auto text = top_frame(top_answer(64, 1), SortKey::kSent, {}, 24, "");
  EXPECT_LT(text.find("\n  64  "), text.find("\n  63  "));
  EXPECT_THAT(text, HasSubstr("more nodes)"));
}

TEST(TopFrame, KeysAndWordsNameTheSame) {
  for (const auto& word : sort_words()) {
    EXPECT_EQ(sort_key_of_letter(word.front()), sort_key_of_word(word)) << word;
  }
  EXPECT_EQ(sort_key_of_letter('x'), std::nullopt);
}

TEST(FrameUpdate, ClearsWhatStoodThere) {
  EXPECT_EQ(frame_update("a\nb\n", 24), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
  const std::string cut = frame_update("a\nb\nc\nd\n", 3);
  EXPECT_THAT(cut, HasSubstr("a\x1b[K\r\nb\x1b[K\r\n(2 more lines"));
}

TEST(CaptureLine, ReadsAsMuchAsIsThere) {
  std::array<unsigned char, 42> packet{};
  packet[12] = 0x08;
  packet[14] = 0x45;
  packet[23] = 17;
  packet[26] = 10;
  packet[29] = 1;
  packet[30] = 10;
  packet[33] = 2;
  packet[34] = 0x22;
  packet[35] = 0x61;
  const auto bytes = std::as_bytes(std::span{packet});
  EXPECT_EQ(capture_line(86'400'000'000'001, true, 1'066, bytes),
            "00:00:00.000000001 out  1,066 B  10.0.0.1:8801 > 10.0.0.2:0 UDP\n");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(capture_line(0, false, 42, bytes.first(size)).ends_with("\n"));
  }
}

}  // namespace
}  // namespace ringroad::cli
