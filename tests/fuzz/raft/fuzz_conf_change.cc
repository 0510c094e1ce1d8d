// Fuzzes changes of membership: bytes that decode are applied, one change after another, to the
// configuration that the ones before have made. What must hold: a change encodes to the bytes it
// came from; every configuration keeps its invariants; and a joint one is left by its own change.
//
// The input is a list of changes, each a length (8 bits) and that many bytes.
#include <cstdlib>
#include <vector>

#include "consensus/core/conf_change.h"
#include "consensus/core/configuration.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringroad::raft;
  auto rest = std::as_bytes(std::span(data, size));
  Configuration configuration;
  configuration.voters.insert(ringroad::NodeId{1});
  while (!rest.empty()) {
    const auto length =
        std::min<std::size_t>(std::to_integer<std::size_t>(rest[0]), rest.size() - 1);
    const auto bytes = rest.subspan(1, length);
    rest = rest.subspan(1 + length);
    const auto change = decode_conf_change(bytes);
    if (!change) continue;
    std::vector<std::byte> again(encoded_bytes(*change));
    require(encode(*change, again) == again.size());
    require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    const auto next = apply(configuration, *change);
    if (!next.ok()) continue;
    require(check_invariants(next->configuration).ok());
    require(!next->configuration.voters.empty());
    const auto restored = restore(conf_state(next->configuration));
    require(restored.ok() && restored->configuration == next->configuration);
    if (next->configuration.joint()) require(leave_joint(next->configuration).ok());
    configuration = next->configuration;
  }
  return 0;
}
