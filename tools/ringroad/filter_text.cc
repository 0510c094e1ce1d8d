#include "tools/ringroad/filter_text.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <memory>

namespace ringroad::cli {

absl::StatusOr<nlohmann::json> compile_filter(const std::string& text) {
  nlohmann::json rows = nlohmann::json::array();
  if (text.empty()) return rows;
  constexpr int kSnapMax = 65'535;
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> handle{pcap_open_dead(DLT_EN10MB, kSnapMax),
                                                              &pcap_close};
  if (handle == nullptr) return absl::ResourceExhaustedError("no memory for a filter");
  bpf_program program{};
  if (pcap_compile(handle.get(), &program, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    return absl::InvalidArgumentError(pcap_geterr(handle.get()));
  }
  for (unsigned i = 0; i < program.bf_len; ++i) {
    const bpf_insn& one = program.bf_insns[i];
    rows.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&program);
  return rows;
}

bool asks_for_loopback(const nlohmann::json& program) {
  constexpr unsigned kJumpIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
  return std::ranges::any_of(program, [](const nlohmann::json& row) {
    return row[0] == kJumpIfEqual && row[3].get<std::uint32_t>() >> 24 == 127;
  });
}

}  // namespace ringroad::cli
