// Linux: ip(7), ipv6(7), udp(7), socket(7), net/ipv4/ip_sockglue.c, net/ipv6/datagram.c.
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <ctime>

#include "address.h"
#include "error_queue.h"
#include "kernel.h"
#include "payloads.h"
#include "timestamps.h"

// Newer than the oldest C libraries that we build against; the numbers are the kernel's ABI
// (include/uapi/linux/udp.h, include/uapi/asm-generic/socket.h).
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SO_TXTIME
#define SO_TXTIME 61
#endif
#ifndef SCM_TXTIME
#define SCM_TXTIME SO_TXTIME
#endif
#ifndef SCM_TIMESTAMPNS
#define SCM_TIMESTAMPNS SO_TIMESTAMPNS
#endif
#ifndef IPV6_DONTFRAG
#define IPV6_DONTFRAG 62
#endif

namespace datagram {
namespace {

uint32_t MarkOf(const SendSlot& slot) { return slot.mark; }
uint64_t SendTimeOf(const SendSlot& slot) { return slot.sendTime; }
// Two bytes only: UDP_SEGMENT in four bytes is EINVAL.
uint16_t SegmentSizeOf(const SendSlot& slot) { return static_cast<uint16_t>(slot.segmentSize); }

const SendControl kSend[] = {
    SendRow<PacketInfoIPv4<in_pktinfo, &in_pktinfo::ipi_spec_dst>>(kSource | kInterface, kIPv4,
                                                                   IPPROTO_IP, IP_PKTINFO),
    SendRow<PacketInfoIPv6>(kSource | kInterface, kIPv6, IPPROTO_IPV6, IPV6_PKTINFO),
    SendRow<TrafficClassOf>(kTrafficClass, kIPv4, IPPROTO_IP, IP_TOS),
    // IPV6_TCLASS towards an IPv4-mapped destination is dropped silently: the level is the
    // destination's.
    SendRow<TrafficClassOf>(kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_TCLASS),
    // Four bytes only: IP_TTL in one byte is EINVAL.
    SendRow<HopLimitOf>(kHopLimit, kIPv4, IPPROTO_IP, IP_TTL),
    SendRow<HopLimitOf>(kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_HOPLIMIT),
    SendRow<NeverFragments>(kDontFragmentField, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG),
    SendRow<MarkOf>(kMark, kNoFamily, SOL_SOCKET, SO_MARK),
    SendRow<SendTimeOf>(kSendTime, kNoFamily, SOL_SOCKET, SCM_TXTIME),
    SendRow<SegmentSizeOf>(kSegmentSize, kNoFamily, IPPROTO_UDP, UDP_SEGMENT),
};

const EmulatedField kEmulated[] = {
    // IP_MTU_DISCOVER as a control message is EINVAL.
    {kDontFragmentField, kIPv4, IPPROTO_IP, IP_MTU_DISCOVER,
     [](const SendSlot& slot) {
       return slot.dontFragment == kNeverFragment ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
     }},
    // IPV6_DONTFRAG, the control message, holds the datagram against a cached path MTU; and without
    // it none is fragmented where the socket has PROBE (ip6_append_data).
    {kDontFragmentField, kIPv6, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
     [](const SendSlot& slot) {
       return slot.dontFragment == kNeverFragment ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_WANT;
     },
     kNoFamily, nullptr, true},
};

void DecodeDropped(const uint8_t* payload, size_t, ReceiveSlot& slot) {
  std::memcpy(&slot.dropped, payload, sizeof slot.dropped);
  slot.present |= kDropped;
}

const ReceiveControl kReceive[] = {
    {IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo),
     [](const uint8_t* payload, size_t, ReceiveSlot& slot) {
       in_pktinfo info;
       std::memcpy(&info, payload, sizeof info);
       SetDestination(slot, kIPv4, &info.ipi_addr);
       // Neither index nor ipi_spec_dst of what was queued before the option was set
       // (net/ipv4/ip_sockglue.c, ipv4_pktinfo_prepare).
       if (info.ipi_ifindex != 0) SetInterface(slot, static_cast<uint32_t>(info.ipi_ifindex));
       // ipi_spec_dst is the local address of the datagram: the same as ipi_addr unless that one
       // belongs to many (ip(7)); zero where the interface has none.
       slot.cast = CastOf(kIPv4, slot.destination);
       if (slot.cast == kUnicast && info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr) {
         slot.cast = info.ipi_spec_dst.s_addr != 0 ? kBroadcast : kUnknownCast;
       }
     }},
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo),
     [](const uint8_t* payload, size_t, ReceiveSlot& slot) {
       // IPv4 on a dual-stack socket comes with both: IP_PKTINFO says more, in whichever order.
       in6_pktinfo info;
       std::memcpy(&info, payload, sizeof info);
       if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) return;
       SetDestination(slot, kIPv6, &info.ipi6_addr);
       SetInterface(slot, info.ipi6_ifindex);
       slot.cast = CastOf(kIPv6, slot.destination);
     }},
    // One byte, on WSL 1 four.
    {IPPROTO_IP, IP_TOS, 1, DecodeTrafficClass},
    // A control message that is cut off says the length that is left of it (net/core/scm.c,
    // put_cmsg): one byte of these would be a part of them.
    {IPPROTO_IPV6, IPV6_TCLASS, sizeof(int), DecodeTrafficClass},
    {IPPROTO_IP, IP_TTL, sizeof(int), DecodeHopLimit},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(int), DecodeHopLimit},
    {SOL_SOCKET, SCM_TIMESTAMPNS, sizeof(timespec), DecodeTimespec},
    {SOL_SOCKET, SO_RXQ_OVFL, sizeof(uint32_t), DecodeDropped},
    {IPPROTO_UDP, UDP_GRO, sizeof(int), DecodeSegmentSize, /* always */ true},
};

const ReceiveOption kReceiveOptions[] = {
    {kDestination | kInterface | kCastField, kIPv4, IPPROTO_IP, IP_PKTINFO},
    {kDestination | kInterface | kCastField, kIPv6, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {kTrafficClass, kIPv4, IPPROTO_IP, IP_RECVTOS},
    {kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_RECVTCLASS},
    {kHopLimit, kIPv4, IPPROTO_IP, IP_RECVTTL},
    {kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
    {kTimestamp, kNoFamily, SOL_SOCKET, SO_TIMESTAMPNS},
    {kDropped, kNoFamily, SOL_SOCKET, SO_RXQ_OVFL, 1, /* omits_zero */ true},
    {kSegmentSize, kNoFamily, IPPROTO_UDP, UDP_GRO},
};

int PathMtuDiscovery(int dont_fragment) {
  return dont_fragment ? IP_PMTUDISC_PROBE : IP_PMTUDISC_WANT;
}

// Not OMIT: a socket with it ignores "packet too big" (ip6_sk_accept_pmtu).
int PathMtuDiscoveryIPv6(int dont_fragment) {
  return dont_fragment ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_WANT;
}

int SetSendTime(Descriptor descriptor, int clock) {
  if (clock == kNoClock) return 0;
  const sock_txtime configuration = {clock == kTaiClock ? CLOCK_TAI : CLOCK_MONOTONIC,
                                     SOF_TXTIME_REPORT_ERRORS};
  return setsockopt(descriptor, SOL_SOCKET, SO_TXTIME, &configuration, sizeof configuration);
}

const OptionRow kOptionRows[] = {
    {Option::kReuseAddress, kNoFamily, SOL_SOCKET, SO_REUSEADDR},
    {Option::kReusePort, kNoFamily, SOL_SOCKET, SO_REUSEPORT},
    {Option::kTrafficClassIPv6, kIPv6, IPPROTO_IPV6, IPV6_TCLASS},
    {Option::kDontFragment, kIPv6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PathMtuDiscoveryIPv6},
    {Option::kDontFragment, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG},
    {Option::kDontFragment, kIPv4, IPPROTO_IP, IP_MTU_DISCOVER, PathMtuDiscovery},
    {Option::kSendTime, kNoFamily, SOL_SOCKET, SO_TXTIME, nullptr, SetSendTime},
    {Option::kCoalesce, kNoFamily, IPPROTO_UDP, UDP_GRO},
    {Option::kSegment, kNoFamily, IPPROTO_UDP, UDP_SEGMENT},
    {Option::kMulticastHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL},
    {Option::kMulticastLoopback, kIPv4, IPPROTO_IP, IP_MULTICAST_LOOP},
    {Option::kPathMtu, kIPv6, IPPROTO_IPV6, IPV6_MTU},
    {Option::kPathMtu, kIPv4, IPPROTO_IP, IP_MTU},
    {Option::kReceiveErrors, kIPv6, IPPROTO_IPV6, IPV6_RECVERR},
    {Option::kReceiveErrors, kIPv4, IPPROTO_IP, IP_RECVERR},
};

}  // namespace

const Kernel kKernel = {
    TableOf(kSend),
    TableOf(kReceive),
    TableOf(kReceiveOptions),
    TableOf(kEmulated),
    kDontRoute | kConfirm,
    /* source_needs_wildcard */ false,
    /* interface_discards_source */ false,
    // With IP_RECVERR the kernel says that a queue dropped the datagram (udp_send_skb).
    /* no_buffers_means_wait */ true,
    /* infer_cast */ nullptr,
    /* receive_error */ ReceiveError,
    /* dropped_by_raw_ipv4 */ 0,
    /* min_send_buffer */ 0,
    /* send_class */ {},
    /* reported_class */ {},
    /* sends_congestion_experienced */ true,
    // The least that net.core.optmem_max has been by default (sock_kmalloc).
    /* max_control */ 10240,
};

const Table<OptionRow> kPlatformOptions = TableOf(kOptionRows);

int SendMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  return sendmmsg(descriptor, headers, count, flags);
}

int ReceiveMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  // The time-out of recvmmsg is checked only after a datagram came (recvmmsg(2), BUGS).
  return recvmmsg(descriptor, headers, count, flags, nullptr);
}

int NativeFlags(uint8_t flags) {
  return (flags & kDontRoute ? MSG_DONTROUTE : 0) | (flags & kConfirm ? MSG_CONFIRM : 0);
}

}  // namespace datagram
