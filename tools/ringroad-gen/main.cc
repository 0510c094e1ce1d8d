// ringroad-gen: sends, receives and verifies messages between nodes, and measures them; as a
// program of a running node, or hosting a node in this process (--inline).
#include <sys/prctl.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "tools/ringroad-gen/application_driver.h"
#include "tools/ringroad-gen/inline_host.h"
#include "tools/ringroad-gen/node_choice.h"
#include "tools/ringroad-gen/options.h"
#include "tools/ringroad-gen/session.h"
#include "tools/ringroad-gen/traffic_plan.h"

namespace {

using namespace ringroad;
using namespace ringroad::gen;

int fail(int code, const absl::Status& status) {
  std::cerr << "ringroad-gen: " << std::string{status.message()} << std::endl;
  return code;
}

int run_as_application(const Options& options) {
  const auto choice = choose_node(options.node);
  if (!choice.ok()) {
    return fail(absl::IsNotFound(choice.status()) ? kExitUnreachable : kExitUsage, choice.status());
  }
  auto driver =
      ApplicationDriver::attach(choice->config_file, choice->socket, choice->node, options.spin_us);
  if (!driver.ok()) {
    const bool wrong = absl::IsInvalidArgument(driver.status());
    return fail(wrong ? kExitUsage : kExitUnreachable, driver.status());
  }
  const NodeFacts& node = (*driver)->node();
  auto plan =
      plan_traffic(options, {node.self, node.peers, node.message_bytes_max, choice->medium});
  if (!plan.ok()) return fail(kExitUsage, plan.status());

  TrafficRole role{std::move(plan->role)};
  Session session{role, std::move(plan->facts), options, [&driver] { (*driver)->stop(); }};
  session.start();
  return session.finish((*driver)->run(role));
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = read_options(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const Options& options = std::get<Options>(parsed);
  block_stop_signals();
  // The default slack of 50 us would make every paced message late.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  return options.is_inline ? run_inline(options) : run_as_application(options);
}
