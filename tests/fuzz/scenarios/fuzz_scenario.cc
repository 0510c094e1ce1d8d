// Scenario files of any bytes: the parser neither crashes nor loses anything. What it accepts it
// rewrites to itself, and with other outputs to what it reads them back from; what it refuses it
// refuses with a line. What is expected is read as an output, too, as comparing it would.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "datadriven.h"
#include "dataplane/base/check.h"
#include "observed.h"

namespace scenarios = ringroad::scenarios;

namespace {

// Fences inside an output end it.
bool can_be_held(const std::string& output) {
  return !absl::StrContains(output, "----") && !absl::StrContains(output, "\r");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto cases = scenarios::parse_scenario("fuzz", text);
  if (!cases.ok()) {
    RR_CHECK(absl::StartsWith(cases.status().message(), "fuzz:"));
    return 0;
  }
  std::vector<std::string> same, others;
  scenarios::Observer observer;
  for (const scenarios::Case& c : *cases) {
    same.push_back(c.expected);
    // The next case's output, so that fences come and go.
    others.push_back(scenarios::closed(can_be_held(c.expected) ? c.expected : "ok"));
    (void)observer.observe(c.command, c.expected);
  }
  RR_CHECK(scenarios::with_outputs(text, *cases, same) == text);
  if (!others.empty()) std::rotate(others.begin(), others.begin() + 1, others.end());
  const std::string rewritten = scenarios::with_outputs(text, *cases, others);
  const auto again = scenarios::parse_scenario("rewritten", rewritten);
  RR_CHECK(again.ok() && again->size() == cases->size());
  for (std::size_t i = 0; i < again->size(); ++i) {
    RR_CHECK((*again)[i].command.name == (*cases)[i].command.name);
    // An output of nothing but empty lines reads as none without fences.
    RR_CHECK((*again)[i].expected == others[i]);
  }
  return 0;
}
