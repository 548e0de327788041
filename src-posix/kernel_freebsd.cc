// FreeBSD: ip(4), ip6(4), setsockopt(2),
// sys/netinet/{ip_input.c,ip_output.c,udp_usrreq.c,raw_ip.c},
// sys/netinet6/{ip6_input.c,ip6_output.c}, lib/libc/gen/{sendmmsg.c,recvmmsg.c}.
// clang-format off
#include <sys/types.h>  // what net/if_dl.h wants to have first
// clang-format on
#include <net/if_dl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <ctime>

#include "address.h"
#include "broadcast.h"
#include "kernel.h"
#include "payloads.h"
#include "timestamps.h"

namespace datagram {
namespace {

in_addr SourceIPv4(const SendSlot& slot) {
  in_addr source;
  std::memcpy(&source, slot.source, sizeof source);
  return source;
}

u_char TrafficClassByte(const SendSlot& slot) { return slot.trafficClass; }

const SendControl kSend[] = {
    // Takes no interface. On a socket that is bound to an address it is EINVAL (udp_usrreq.c).
    SendRow<SourceIPv4>(kSource, kIPv4, IPPROTO_IP, IP_SENDSRCADDR),
    SendRow<PacketInfoIPv6>(kSource | kInterface, kIPv6, IPPROTO_IPV6, IPV6_PKTINFO),
    // One byte only: IP_TOS in four is EINVAL (udp_usrreq.c).
    SendRow<TrafficClassByte>(kTrafficClass, kIPv4, IPPROTO_IP, IP_TOS),
    SendRow<TrafficClassOf>(kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_TCLASS),
    SendRow<HopLimitOf>(kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_HOPLIMIT),
    SendRow<NeverFragments>(kDontFragmentField, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG),
};

// IP_TTL as a control message is ENOPROTOOPT (udp_usrreq.c). An IPv6 socket takes no options of
// IPPROTO_IP (ip6_output.c, ip6_ctloutput), and its IPV6_UNICAST_HOPS can't be put back for its
// IPv4 traffic: a default of -1 becomes 255.
const EmulatedField kEmulated[] = {
    {kHopLimit, kIPv4, IPPROTO_IP, IP_TTL, HopLimitOf, kIPv4, MayBeUnicast},
    {kHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL, HopLimitOf, kIPv4, MayBeMulticast},
    {kDontFragmentField, kIPv4, IPPROTO_IP, IP_DONTFRAG, NeverFragments, kIPv4},
};

const ReceiveControl kReceive[] = {
    {IPPROTO_IP, IP_RECVDSTADDR, sizeof(in_addr),
     [](const uint8_t* payload, size_t, ReceiveSlot& slot) {
       SetDestination(slot, kIPv4, payload);
     }},
    // As long as its sdl_len says, which can be less than the struct (ip_input.c, ip_savecontrol).
    {IPPROTO_IP, IP_RECVIF, offsetof(sockaddr_dl, sdl_data),
     [](const uint8_t* payload, size_t, ReceiveSlot& slot) {
       decltype(sockaddr_dl::sdl_index) index;
       std::memcpy(&index, payload + offsetof(sockaddr_dl, sdl_index), sizeof index);
       if (index != 0) SetInterface(slot, index);
     }},
    // For IPv4 on a dual-stack socket, too (ip6_input.c, ip6_savecontrol_v4), as the next two.
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo), DecodePacketInfoIPv6},
    {IPPROTO_IPV6, IPV6_TCLASS, sizeof(int), DecodeTrafficClass},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(int), DecodeHopLimit},
    {IPPROTO_IP, IP_RECVTOS, 1, DecodeTrafficClass},
    {IPPROTO_IP, IP_RECVTTL, 1, DecodeHopLimit},
    {SOL_SOCKET, SCM_REALTIME, sizeof(timespec), DecodeTimespec},
    // What came before SO_TS_CLOCK was set.
    {SOL_SOCKET, SCM_TIMESTAMP, sizeof(timeval), DecodeTimeval},
};

const ReceiveOption kReceiveOptions[] = {
    {kDestination | kCastField, kIPv4, IPPROTO_IP, IP_RECVDSTADDR},
    {kInterface, kIPv4, IPPROTO_IP, IP_RECVIF},
    {kDestination | kInterface | kCastField, kIPv6, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {kTrafficClass, kIPv4, IPPROTO_IP, IP_RECVTOS},
    {kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_RECVTCLASS},
    {kHopLimit, kIPv4, IPPROTO_IP, IP_RECVTTL},
    {kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
    // In this order (setsockopt(2)): SO_TIMESTAMP puts the clock back to microseconds.
    {kTimestamp, kNoFamily, SOL_SOCKET, SO_TIMESTAMP},
    {kTimestamp, kNoFamily, SOL_SOCKET, SO_TS_CLOCK, SO_TS_REALTIME},
};

// reuseAddr is SO_REUSEPORT and reusePort SO_REUSEPORT_LB, as for dgram (libuv, src/unix/udp.c,
// uv__sock_reuseaddr; src/unix/core.c, uv__sock_reuseport).
const OptionRow kOptionRows[] = {
    {Option::kReuseAddress, kNoFamily, SOL_SOCKET, SO_REUSEPORT},
    {Option::kReusePort, kNoFamily, SOL_SOCKET, SO_REUSEPORT_LB},
    {Option::kTrafficClassIPv6, kIPv6, IPPROTO_IPV6, IPV6_TCLASS},
    {Option::kDontFragment, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG},
    {Option::kDontFragment, kIPv4, IPPROTO_IP, IP_DONTFRAG},
    {Option::kMulticastHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL},
    {Option::kMulticastLoopback, kIPv4, IPPROTO_IP, IP_MULTICAST_LOOP},
};

}  // namespace

const Kernel kKernel = {
    TableOf(kSend),
    TableOf(kReceive),
    TableOf(kReceiveOptions),
    TableOf(kEmulated),
    kDontRoute,
    /* source_needs_wildcard */ true,
    /* interface_discards_source */ false,
    /* no_buffers_means_wait */ true,
    /* infer_cast */ InferCastByInterfaces,
    /* receive_error */ nullptr,
    // raw_ip.c, rip_send: it never looks at control messages.
    /* dropped_by_raw_ipv4 */ kSource | kTrafficClass,
    // It bounds a datagram, in older releases at 9216 bytes (udp(4), net.inet.udp.maxdgram).
    /* min_send_buffer */ kMaxDatagram + 1 + kSendControlArena,
};

const Table<OptionRow> kPlatformOptions = TableOf(kOptionRows);

int SendMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  return static_cast<int>(sendmmsg(descriptor, headers, count, flags));
}

int ReceiveMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  return static_cast<int>(recvmmsg(descriptor, headers, count, flags, nullptr));
}

int NativeFlags(uint8_t flags) { return flags & kDontRoute ? MSG_DONTROUTE : 0; }

}  // namespace datagram
