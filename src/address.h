// Between socket addresses and what the slots hold.
#ifndef SENDMSG_SRC_ADDRESS_H_
#define SENDMSG_SRC_ADDRESS_H_

#include <cstdint>
#include <cstring>

#include "backend.h"
#include "layout.h"

namespace datagram {

union SocketAddress {
  sockaddr any;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

// The socket address for a socket of `family`: IPv4 is mapped on an IPv6 socket (RFC
// 4291, 2.5.5.2). Returns its length; 0 when an IPv4 socket cannot hold it.
socklen_t Encode(Family family, const Address& address, SocketAddress& name);
// Un-maps. A name of neither family leaves kNoFamily.
Address Decode(const SocketAddress& name, socklen_t length);

inline void SetDestination(ReceiveSlot& slot, Family family, const void* bytes) {
  slot.destinationFamily = family;
  std::memcpy(slot.destination, bytes, family == kIPv4 ? 4 : 16);
}

// An IPv4-mapped address is an IPv4 destination.
inline void SetDestinationUnmapped(ReceiveSlot& slot, const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    SetDestination(slot, kIPv4, address.s6_addr + 12);
  } else {
    SetDestination(slot, kIPv6, &address);
  }
}

inline void SetInterface(ReceiveSlot& slot, uint32_t index) {
  slot.interfaceIndex = index;
  slot.present |= kInterface;
}

inline void SetTrafficClass(ReceiveSlot& slot, uint32_t value) {
  slot.trafficClass = static_cast<uint8_t>(value);
  slot.present |= kTrafficClass;
}

inline void SetHopLimit(ReceiveSlot& slot, uint32_t value) {
  slot.hopLimit = static_cast<uint8_t>(value);
  slot.present |= kHopLimit;
}

inline void SetTimestamp(ReceiveSlot& slot, int64_t seconds, int64_t nanoseconds) {
  slot.timestamp = seconds * 1000000000 + nanoseconds;
  slot.present |= kTimestamp;
}

}  // namespace datagram

#endif  // SENDMSG_SRC_ADDRESS_H_
