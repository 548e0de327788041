// Multicast: groups (RFC 3493, 5.2; ip(7)), sources (RFC 3678, 4.1 and 5.1), and where it goes out.
#include "address.h"
#include "syscalls.h"

namespace datagram {
namespace {

template <typename Value>
Status Set(const SocketState& state, int level, int option, const Value& value) {
  return StatusOf(setsockopt(state.descriptor, level, option, reinterpret_cast<const char*>(&value),
                             sizeof value));
}

Status SetAnySource(const SocketState& state, bool join, const Address& group,
                    const Address& through) {
  if (group.family == kIPv4) {
    ip_mreq request = {};
    std::memcpy(&request.imr_multiaddr, group.bytes, sizeof request.imr_multiaddr);
    std::memcpy(&request.imr_interface, through.bytes, sizeof request.imr_interface);
    return Set(state, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, request);
  }
  ipv6_mreq request = {};
  std::memcpy(&request.ipv6mr_multiaddr, group.bytes, sizeof request.ipv6mr_multiaddr);
  request.ipv6mr_interface = through.scope;
  return Set(state, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, request);
}

// Some systems have no sources.
#if defined(IP_ADD_SOURCE_MEMBERSHIP) && defined(MCAST_JOIN_SOURCE_GROUP)
Status SetOneSource(const SocketState& state, bool join, const Address& group,
                    const Address& through, const Address& source) {
  if (group.family == kIPv4) {
    ip_mreq_source request = {};
    std::memcpy(&request.imr_multiaddr, group.bytes, sizeof request.imr_multiaddr);
    std::memcpy(&request.imr_sourceaddr, source.bytes, sizeof request.imr_sourceaddr);
    std::memcpy(&request.imr_interface, through.bytes, sizeof request.imr_interface);
    return Set(state, IPPROTO_IP, join ? IP_ADD_SOURCE_MEMBERSHIP : IP_DROP_SOURCE_MEMBERSHIP,
               request);
  }
  group_source_req request = {};
  request.gsr_interface = through.scope;
  SocketAddress name;
  std::memcpy(&request.gsr_group, &name, Encode(kIPv6, group, name));
  std::memcpy(&request.gsr_source, &name, Encode(kIPv6, source, name));
  return Set(state, IPPROTO_IPV6, join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP,
             request);
}
#else
Status SetOneSource(const SocketState&, bool, const Address&, const Address&, const Address&) {
  return kNoSuchOption;
}
#endif

}  // namespace

Status SetMembership(const SocketState& state, bool join, const Address& group,
                     const Address& through, const Address& source) {
  if (state.family == kIPv4 && group.family == kIPv6) return kOtherFamily;
  return source.family == kNoFamily ? SetAnySource(state, join, group, through)
                                    : SetOneSource(state, join, group, through, source);
}

Status SetMulticastInterface(const SocketState& state, const Address& through) {
  if (through.family == kIPv4) {
    in_addr address;
    std::memcpy(&address, through.bytes, sizeof address);
    return Set(state, IPPROTO_IP, IP_MULTICAST_IF, address);
  }
  if (state.family == kIPv4) return kOtherFamily;
  return Set(state, IPPROTO_IPV6, IPV6_MULTICAST_IF, through.scope);
}

}  // namespace datagram
