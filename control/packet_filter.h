// Which packets a capture lets through: a BPF program, made by whoever asks. The text that people
// write ("udp port 8801") is compiled on their side (tools/ringroad/filter_text.h), since that may
// ask a name server and take long; here only instructions arrive, and none that could run for ever.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

struct bpf_insn;

namespace ringroad::control {

class PacketFilter {
 public:
  // As many as Linux takes of a socket's filter.
  static constexpr std::size_t kInstructionsMax = 4'096;

  // Lets everything through.
  PacketFilter();
  ~PacketFilter();
  PacketFilter(PacketFilter&&) noexcept;
  PacketFilter& operator=(PacketFilter&&) noexcept;

  // A list of [code, jump if true, jump if false, k]; empty: everything. Refused: more than
  // kInstructionsMax, jumps back or out of the program, reads outside its own memory, no end.
  static absl::StatusOr<PacketFilter> read(const nlohmann::json& program);

  // `length`: on the wire; `bytes`: what was kept of it.
  bool takes(std::size_t length, std::span<const std::byte> bytes) const;

 private:
  std::vector<bpf_insn> program_;
};

}  // namespace ringroad::control
