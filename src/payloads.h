// Payloads of control messages that kernels have in common: RFC 3542's, and IPv4's where they are
// the same.
#ifndef SENDMSG_SRC_PAYLOADS_H_
#define SENDMSG_SRC_PAYLOADS_H_

#include "address.h"
#include "cast.h"
#include "control.h"

namespace datagram {

// in_pktinfo, which not all kernels have. `source` is its member for the address to send from.
template <typename PacketInfo, in_addr PacketInfo::*source>
PacketInfo PacketInfoIPv4(const SendSlot& slot) {
  static_assert(sizeof PacketInfo::ipi_ifindex == sizeof slot.interfaceIndex);
  PacketInfo info = {};
  std::memcpy(&info.ipi_ifindex, &slot.interfaceIndex, sizeof info.ipi_ifindex);
  if (slot.fields & kSource) std::memcpy(&(info.*source), slot.source, 4);
  return info;
}

// RFC 3542, 6.2 and 6.3.
inline in6_pktinfo PacketInfoIPv6(const SendSlot& slot) {
  in6_pktinfo info = {};
  info.ipi6_ifindex = slot.interfaceIndex;
  if (slot.fields & kSource) std::memcpy(&info.ipi6_addr, slot.source, 16);
  return info;
}

// RFC 3542, 11.2.
inline int NeverFragments(const SendSlot& slot) { return slot.dontFragment == kNeverFragment; }
// RFC 3542, 6.3, and IP_TTL.
inline int HopLimitOf(const SendSlot& slot) { return slot.hopLimit; }
// RFC 3542, 6.5, and IP_TOS.
inline int TrafficClassOf(const SendSlot& slot) { return slot.trafficClass; }

// One byte or four, by kernel and version.
inline void DecodeTrafficClass(const uint8_t* payload, size_t length, ReceiveSlot& slot) {
  uint32_t value;
  if (ReadInteger(payload, length, value)) SetTrafficClass(slot, value);
}

inline void DecodeHopLimit(const uint8_t* payload, size_t length, ReceiveSlot& slot) {
  uint32_t value;
  if (ReadInteger(payload, length, value)) SetHopLimit(slot, value);
}

inline void DecodeSegmentSize(const uint8_t* payload, size_t length, ReceiveSlot& slot) {
  ReadInteger(payload, length, slot.segmentSize);
}

// Where ipi_addr is all that in_pktinfo says of the destination.
template <typename PacketInfo>
void DecodePacketInfoIPv4(const uint8_t* payload, size_t, ReceiveSlot& slot) {
  PacketInfo info;
  std::memcpy(&info, payload, sizeof info);
  SetDestination(slot, kIPv4, &info.ipi_addr);
  SetInterface(slot, info.ipi_ifindex);
}

// RFC 3542, 6.1; IPv4 on a dual-stack socket comes mapped.
inline void DecodePacketInfoIPv6(const uint8_t* payload, size_t, ReceiveSlot& slot) {
  in6_pktinfo info;
  std::memcpy(&info, payload, sizeof info);
  SetDestinationUnmapped(slot, info.ipi6_addr);
  SetInterface(slot, info.ipi6_ifindex);
}

// The TTL of multicast is an option of its own. A connected socket's peer is not in the slot.
inline bool MayBeMulticast(const SendSlot& slot) {
  return slot.destinationFamily == kNoFamily || IsMulticastIPv4(slot.destination);
}

inline bool MayBeUnicast(const SendSlot& slot) {
  return slot.destinationFamily == kNoFamily || !IsMulticastIPv4(slot.destination);
}

}  // namespace datagram

#endif  // SENDMSG_SRC_PAYLOADS_H_
