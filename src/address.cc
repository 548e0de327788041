#include "address.h"

namespace datagram {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

socklen_t Encode(Family family, const Address& address, SocketAddress& name) {
  if (family == kIPv4) {
    if (address.family != kIPv4) return 0;
    std::memset(&name.ipv4, 0, sizeof name.ipv4);
    name.ipv4.sin_family = AF_INET;
    name.ipv4.sin_port = htons(address.port);
    std::memcpy(&name.ipv4.sin_addr, address.bytes, 4);
    return sizeof name.ipv4;
  }
  std::memset(&name.ipv6, 0, sizeof name.ipv6);
  name.ipv6.sin6_family = AF_INET6;
  name.ipv6.sin6_port = htons(address.port);
  if (address.family == kIPv4) {
    std::memcpy(name.ipv6.sin6_addr.s6_addr, kMappedPrefix, sizeof kMappedPrefix);
    std::memcpy(name.ipv6.sin6_addr.s6_addr + sizeof kMappedPrefix, address.bytes, 4);
  } else {
    name.ipv6.sin6_scope_id = address.scope;
    std::memcpy(name.ipv6.sin6_addr.s6_addr, address.bytes, 16);
  }
  return sizeof name.ipv6;
}

Address Decode(const SocketAddress& name, socklen_t length) {
  Address address;
  if (static_cast<size_t>(length) >= sizeof name.ipv4 && name.any.sa_family == AF_INET) {
    address.family = kIPv4;
    address.port = ntohs(name.ipv4.sin_port);
    std::memcpy(address.bytes, &name.ipv4.sin_addr, 4);
  } else if (static_cast<size_t>(length) >= sizeof name.ipv6 && name.any.sa_family == AF_INET6) {
    address.port = ntohs(name.ipv6.sin6_port);
    const uint8_t* bytes = name.ipv6.sin6_addr.s6_addr;
    if (std::memcmp(bytes, kMappedPrefix, sizeof kMappedPrefix) == 0) {
      address.family = kIPv4;
      std::memcpy(address.bytes, bytes + sizeof kMappedPrefix, 4);
    } else {
      address.family = kIPv6;
      address.scope = name.ipv6.sin6_scope_id;
      std::memcpy(address.bytes, bytes, 16);
    }
  }
  return address;
}

}  // namespace datagram
