// Whether a datagram went to one host, to a multicast group or to a broadcast address.
#ifndef SENDMSG_SRC_CAST_H_
#define SENDMSG_SRC_CAST_H_

#include <cstdint>
#include <cstring>

#include "layout.h"

namespace datagram {

// RFC 1112, 4.
inline bool IsMulticastIPv4(const uint8_t* address) { return (address[0] & 0xf0) == 0xe0; }

// What an address says by itself; the broadcast address of a subnet looks like any other.
inline Cast CastOf(uint8_t family, const uint8_t* address) {
  if (family == kNoFamily) return kUnknownCast;
  if (family == kIPv6) return address[0] == 0xff ? kMulticast : kUnicast;  // RFC 4291, 2.7
  constexpr uint8_t kLimitedBroadcast[4] = {0xff, 0xff, 0xff, 0xff};       // RFC 919, 7
  if (std::memcmp(address, kLimitedBroadcast, sizeof kLimitedBroadcast) == 0) return kBroadcast;
  return IsMulticastIPv4(address) ? kMulticast : kUnicast;
}

}  // namespace datagram

#endif  // SENDMSG_SRC_CAST_H_
