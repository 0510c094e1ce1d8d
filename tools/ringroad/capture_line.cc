#include "tools/ringroad/capture_line.h"

#include "absl/strings/str_format.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/net/headers.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"

namespace ringroad::cli {
namespace {

using fabric::cat;

std::string macs_text(std::span<const std::byte> bytes) {
  return cat(to_string(load_mac(bytes.data() + ethernet::kSource)), " > ",
             to_string(load_mac(bytes.data() + ethernet::kDestination)));
}

std::string ipv4_text(std::span<const std::byte> packet) {
  if (packet.size() < ipv4::kBytes) return "IPv4, cut short";
  const std::string from = to_string(load_ipv4(packet.data() + ipv4::kSource));
  const std::string to = to_string(load_ipv4(packet.data() + ipv4::kDestination));
  const auto protocol = std::to_integer<std::uint8_t>(packet[ipv4::kProtocol]);
  const std::size_t header = 4 * (std::to_integer<std::size_t>(packet[0]) & 0x0f);
  if (protocol == ipv4::kProtocolUdp && header >= ipv4::kBytes &&
      packet.size() >= header + udp::kBytes) {
    const auto port = [&](std::size_t at) {
      return load_be<std::uint16_t>(packet.data() + header + at);
    };
    return cat(from, ":", port(udp::kSourcePort), " > ", to, ":", port(udp::kDestinationPort),
               " UDP");
  }
  if (protocol == ipv4::kProtocolIcmp) return cat(from, " > ", to, " ICMP");
  return cat(from, " > ", to, " protocol ", int{protocol});
}

std::string arp_text(std::span<const std::byte> packet) {
  if (packet.size() < arp::kBytes) return "ARP, cut short";
  const std::string sender = to_string(load_ipv4(packet.data() + arp::kSenderAddress));
  const std::string target = to_string(load_ipv4(packet.data() + arp::kTargetAddress));
  const auto operation = load_be<std::uint16_t>(packet.data() + arp::kOperation);
  if (operation == arp::kReply) {
    return cat("ARP ", sender, " is at ", to_string(load_mac(packet.data() + arp::kSenderMac)));
  }
  return cat("ARP who has ", target, "? tell ", sender);
}

std::string headers_text(std::span<const std::byte> bytes) {
  if (bytes.size() < ethernet::kBytes) return "cut short";
  std::size_t at = ethernet::kBytes;
  auto type = load_be<std::uint16_t>(bytes.data() + ethernet::kType);
  if (type == ethernet::kTypeVlan && bytes.size() >= at + vlan::kBytes) {
    type = load_be<std::uint16_t>(bytes.data() + vlan::kType);
    at += vlan::kBytes;
  }
  if (type == ethernet::kTypeIpv4) return ipv4_text(bytes.subspan(at));
  if (type == ethernet::kTypeArp) return arp_text(bytes.subspan(at));
  return cat(macs_text(bytes), absl::StrFormat(" type 0x%04x", type));
}

}  // namespace

std::string capture_line(std::uint64_t time_nanoseconds, bool is_outgoing, std::uint64_t length,
                         std::span<const std::byte> bytes) {
  const std::uint64_t second = time_nanoseconds / 1'000'000'000 % 86'400;
  return cat(absl::StrFormat("%02d:%02d:%02d.%09d", second / 3'600, second / 60 % 60, second % 60,
                             time_nanoseconds % 1'000'000'000),
             is_outgoing ? " out " : " in  ", absl::StrFormat("%6s B  ", gen::with_commas(length)),
             headers_text(bytes), "\n");
}

}  // namespace ringroad::cli
