// The library against a node on other threads: what a program sees through dist_net.h.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "dataplane/client/dist_net.h"
#include "tests/unit/host/fake_node.h"

namespace ringroad::host::test {
namespace {

class Client {
 public:
  explicit Client(const std::string& socket, const char* name = nullptr, std::uint32_t flags = 0) {
    const dist_net_options_t options{nullptr, socket.c_str(), name, DIST_NET_ANY_NODE, flags};
    error = dist_net_open(&options, &context);
  }
  ~Client() { dist_net_close(context); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  operator dist_net_context_t*() const { return context; }  // NOLINT: reads like the C API

  dist_net_error_t send(raft_node_id_t node, std::uint32_t type, std::string_view payload,
                        std::uint32_t flags = 0, std::uint64_t token = 0) {
    dist_net_outgoing_t message{node, type, 4, flags, token, payload.data(), payload.size(), 0};
    return dist_net_send(context, &message, 1) == 1 ? DIST_NET_SUCCESS
                                                    : dist_net_error_details().error;
  }
  // The next message, copied and released; empty when none came in time.
  std::string receive() {
    dist_net_message_t message;
    std::int32_t got = 0;
    if (!eventually([&] { return (got = dist_net_receive(context, &message, 1)) != 0; })) return "";
    if (got < 0) return dist_net_last_error();
    const std::string text{static_cast<const char*>(message.payload), message.size};
    dist_net_release(context, &message, 1);
    return text;
  }
  dist_net_outcome_report_t outcome() {
    dist_net_outcome_report_t report{};
    EXPECT_TRUE(eventually([&] { return dist_net_poll_outcomes(context, &report, 1) == 1; }));
    return report;
  }

  dist_net_context_t* context = nullptr;
  dist_net_error_t error = DIST_NET_SUCCESS;
};

TEST(Client, AttachesSendsReceivesAndIsToldTheOutcome) {
  NodeThread node;
  Client client{node.socket};
  ASSERT_EQ(client.error, DIST_NET_SUCCESS) << dist_net_last_error();
  ASSERT_EQ(dist_net_bind(client, 7, DIST_NET_BIND_EXCLUSIVE), DIST_NET_SUCCESS);
  ASSERT_EQ(client.send(1, 7, "hello", DIST_NET_WANT_OUTCOME, 42), DIST_NET_SUCCESS)
      << dist_net_last_error();
  EXPECT_EQ(client.receive(), "hello");
  const auto report = client.outcome();
  EXPECT_EQ(report.token, 42U);
  EXPECT_EQ(report.node, 1U);
  EXPECT_EQ(report.outcome, DIST_NET_DELIVERED);
}

}  // namespace
}  // namespace ringroad::host::test
