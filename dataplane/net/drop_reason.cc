// The names of the reasons, for metrics and logs, and which of them mean that a packet was wrong:
// those point at damage or malice, the others at packets meant for somebody else, or too many.
#include "dataplane/net/stack.h"

namespace ringroad {

const char* drop_reason_name(DropReason reason) {
  switch (reason) {
    case DropReason::kNone:
      return "none";
    case DropReason::kEthernetTruncated:
      return "ethernet truncated";
    case DropReason::kEthernetNotOurs:
      return "ethernet not ours";
    case DropReason::kVlan:
      return "vlan";
    case DropReason::kEtherType:
      return "ether type";
    case DropReason::kArpMalformed:
      return "arp malformed";
    case DropReason::kArpNotOurs:
      return "arp not ours";
    case DropReason::kArpUnsolicited:
      return "arp unsolicited";
    case DropReason::kArpConflict:
      return "arp conflict";
    case DropReason::kArpQueueFull:
      return "arp queue full";
    case DropReason::kIpv4Malformed:
      return "ipv4 malformed";
    case DropReason::kIpv4Checksum:
      return "ipv4 checksum";
    case DropReason::kIpv4Fragment:
      return "ipv4 fragment";
    case DropReason::kIpv4NotOurs:
      return "ipv4 not ours";
    case DropReason::kIpv4Source:
      return "ipv4 source";
    case DropReason::kIpv4Protocol:
      return "ipv4 protocol";
    case DropReason::kUdpMalformed:
      return "udp malformed";
    case DropReason::kUdpChecksum:
      return "udp checksum";
    case DropReason::kUdpPort:
      return "udp port";
    case DropReason::kIcmpMalformed:
      return "icmp malformed";
    case DropReason::kIcmpChecksum:
      return "icmp checksum";
    case DropReason::kIcmpType:
      return "icmp type";
    case DropReason::kEchoQueueFull:
      return "echo queue full";
    case DropReason::kCount:
      break;
  }
  return "unknown";
}

bool is_malformed(DropReason reason) {
  switch (reason) {
    case DropReason::kEthernetTruncated:
    case DropReason::kArpMalformed:
    case DropReason::kIpv4Malformed:
    case DropReason::kIpv4Checksum:
    case DropReason::kIpv4Fragment:
    case DropReason::kIpv4Source:
    case DropReason::kUdpMalformed:
    case DropReason::kUdpChecksum:
    case DropReason::kIcmpMalformed:
    case DropReason::kIcmpChecksum:
      return true;
    default:
      return false;
  }
}

}  // namespace ringroad
