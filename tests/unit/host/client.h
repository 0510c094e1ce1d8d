// A program as the tests write it: a context of the library that closes itself, and waits for what
// must come.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "dataplane/client/dist_net.h"
#include "tests/unit/host/fake_node.h"

namespace ringroad::host::test {

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

}  // namespace ringroad::host::test
