#include "control/packet_filter.h"

#include <pcap/pcap.h>

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"

namespace ringroad::control {
namespace {

template <typename Number>
bool take(const nlohmann::json& value, Number& out) {
  if (!value.is_number_unsigned()) return false;
  const auto number = value.get<std::uint64_t>();
  if (number > std::numeric_limits<Number>::max()) return false;
  out = static_cast<Number>(number);
  return true;
}

bool read_instruction(const nlohmann::json& row, bpf_insn& out) {
  return row.is_array() && row.size() == 4 && take(row[0], out.code) && take(row[1], out.jt) &&
         take(row[2], out.jf) && take(row[3], out.k);
}

// libpcap lets a program jump back, for "protochain": such a one may never end.
bool jumps_back(std::span<const bpf_insn> program) {
  for (std::size_t i = 0; i < program.size(); ++i) {
    const bool is_jump = program[i].code == (BPF_JMP | BPF_JA);
    if (is_jump && program[i].k >= program.size() - i - 1) return true;
  }
  return false;
}

}  // namespace

PacketFilter::PacketFilter() = default;
PacketFilter::~PacketFilter() = default;
PacketFilter::PacketFilter(PacketFilter&&) noexcept = default;
PacketFilter& PacketFilter::operator=(PacketFilter&&) noexcept = default;

absl::StatusOr<PacketFilter> PacketFilter::read(const nlohmann::json& program) {
  PacketFilter filter;
  if (program.size() > kInstructionsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(program.size(), " instructions; at most ", kInstructionsMax));
  }
  for (const nlohmann::json& row : program) {
    bpf_insn& instruction = filter.program_.emplace_back();
    if (!read_instruction(row, instruction)) {
      return absl::InvalidArgumentError(
          absl::StrCat("/", filter.program_.size() - 1, ": no instruction"));
    }
  }
  if (filter.program_.empty()) return filter;
  if (jumps_back(filter.program_)) {
    return absl::InvalidArgumentError("it jumps back, as \"protochain\" does, and may never end");
  }
  if (bpf_validate(filter.program_.data(), static_cast<int>(filter.program_.size())) == 0) {
    return absl::InvalidArgumentError("no valid BPF program");
  }
  return filter;
}

bool PacketFilter::takes(std::size_t length, std::span<const std::byte> bytes) const {
  if (program_.empty()) return true;
  return bpf_filter(program_.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    static_cast<unsigned>(length), static_cast<unsigned>(bytes.size())) != 0;
}

}  // namespace ringroad::control
