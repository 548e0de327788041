// macOS: ip(4), ip6(4), xnu's bsd/netinet/{in.h,ip_input.c,ip_output.c,udp_usrreq.c,in_tclass.c,
// raw_ip.c}, bsd/netinet6/{ip6_input.c,ip6_output.c}, bsd/kern/uipc_syscalls.c.
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>

#include <cstdlib>

#include "address.h"
#include "broadcast.h"
#include "kernel.h"
#include "mmsg_fallback.h"
#include "payloads.h"
#include "timestamps.h"

namespace datagram {
namespace {

// Darwin's major version: 23 is macOS 14, 24 is macOS 15.
int DarwinVersion() {
  utsname name;
  return uname(&name) == 0 ? std::atoi(name.release) : 0;
}
const int kDarwin = DarwinVersion();

const SendControl kSend[] = {
    // Its index beats its address, and either takes the binding and the peer off a socket
    // (udp_usrreq.c, udp_check_pktinfo and udp_output).
    SendRow<PacketInfoIPv4<in_pktinfo, &in_pktinfo::ipi_spec_dst>>(kSource | kInterface, kIPv4,
                                                                   IPPROTO_IP, IP_PKTINFO),
    SendRow<PacketInfoIPv6>(kSource | kInterface, kIPv6, IPPROTO_IPV6, IPV6_PKTINFO),
    // Four bytes only: one of another size is passed over (in_tclass.c, so_tos_from_control).
    SendRow<TrafficClassOf>(kTrafficClass, kIPv4, IPPROTO_IP, IP_TOS),
    SendRow<TrafficClassOf>(kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_TCLASS),
    SendRow<HopLimitOf>(kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_HOPLIMIT),
    SendRow<NeverFragments>(kDontFragmentField, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG),
};

// IPv4 has control messages for neither (udp_usrreq.c, udp_output). An IPv6 socket takes no options
// of IPPROTO_IP (ip6_output.c, ip6_ctloutput), and its IPV6_UNICAST_HOPS can't be put back for its
// IPv4 traffic: a default of -1 becomes 255.
const EmulatedField kEmulated[] = {
    {kHopLimit, kIPv4, IPPROTO_IP, IP_TTL, HopLimitOf, kIPv4, MayBeUnicast},
    {kHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL, HopLimitOf, kIPv4, MayBeMulticast},
    {kDontFragmentField, kIPv4, IPPROTO_IP, IP_DONTFRAG, NeverFragments, kIPv4},
    // Reaches IPv4 since xnu-11215 (macOS 15); before, it is taken and does nothing there.
    {kDontFragmentField, kIPv4, IPPROTO_IPV6, IPV6_DONTFRAG, NeverFragments, kIPv6,
     [](const SendSlot&) { return kDarwin >= 24; }},
};

const ReceiveControl kReceive[] = {
    {IPPROTO_IP, IP_RECVPKTINFO, sizeof(in_pktinfo), DecodePacketInfoIPv4<in_pktinfo>},
    // For IPv4 on a dual-stack socket, too (ip6_input.c, ip6_savecontrol_v4).
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo), DecodePacketInfoIPv6},
    {IPPROTO_IP, IP_RECVTOS, 1, DecodeTrafficClass},
    {IPPROTO_IPV6, IPV6_TCLASS, sizeof(int), DecodeTrafficClass},
    {IPPROTO_IP, IP_RECVTTL, 1, DecodeHopLimit},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(int), DecodeHopLimit},
    {SOL_SOCKET, SCM_TIMESTAMP, sizeof(timeval), DecodeTimeval},
};

// Control data is taken when a datagram is queued: what is enabled later does not apply to it.
const ReceiveOption kReceiveOptions[] = {
    {kDestination | kInterface | kCastField, kIPv4, IPPROTO_IP, IP_RECVPKTINFO},
    {kDestination | kInterface | kCastField, kIPv6, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {kTrafficClass, kIPv4, IPPROTO_IP, IP_RECVTOS},
    {kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_RECVTCLASS},
    {kHopLimit, kIPv4, IPPROTO_IP, IP_RECVTTL},
    {kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
    {kTimestamp, kNoFamily, SOL_SOCKET, SO_TIMESTAMP},
};

// reuseAddr is SO_REUSEPORT here, as for dgram (libuv, src/unix/udp.c, uv__sock_reuseaddr); for
// reusePort's balancing there is nothing (src/unix/core.c, uv__sock_reuseport).
const OptionRow kOptionRows[] = {
    {Option::kReuseAddress, kNoFamily, SOL_SOCKET, SO_REUSEPORT},
    {Option::kTrafficClassIPv6, kIPv6, IPPROTO_IPV6, IPV6_TCLASS},
    {Option::kDontFragment, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG},
    {Option::kDontFragment, kIPv4, IPPROTO_IP, IP_DONTFRAG},
    {Option::kMulticastHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL},
    {Option::kMulticastLoopback, kIPv4, IPPROTO_IP, IP_MULTICAST_LOOP},
};

// Private system calls (bsd/sys/socket_private.h): in no header, and to be missing one day. Older
// kernels lose the count of what was sent on most errors, and of received control data the length;
// from Darwin 23 on both work as far as they are used here.
using SendMessages = ssize_t (*)(int, const MessageHeader*, unsigned, int);
using ReceiveMessages = ssize_t (*)(int, const MessageHeader*, unsigned, int);
static_assert(offsetof(MessageHeader, msg_len) == sizeof(msghdr), "struct msghdr_x");

template <typename Function>
Function LookUp(const char* name) {
  return kDarwin >= 23 ? reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name)) : nullptr;
}
const auto kSendMessages = LookUp<SendMessages>("sendmsg_x");
const auto kReceiveMessages = LookUp<ReceiveMessages>("recvmsg_x");

bool SameBytes(const void* one, const void* other, size_t length) {
  return length == 0 || std::memcmp(one, other, length) == 0;
}

size_t LengthOf(const msghdr& header) {
  size_t length = 0;
  for (int index = 0; index < header.msg_iovlen; index++) length += header.msg_iov[index].iov_len;
  return length;
}

// sendmsg_x answers -1 for errors other than lack of room, however much was sent before. Datagrams
// with the same name and control data meet such an error with the first of them or not at all.
bool Alike(const MessageHeader* headers, unsigned count) {
  const msghdr& first = headers[0].msg_hdr;
  for (unsigned index = 0; index < count; index++) {
    const msghdr& header = headers[index].msg_hdr;
    if (header.msg_namelen != first.msg_namelen || header.msg_controllen != first.msg_controllen ||
        !SameBytes(header.msg_name, first.msg_name, first.msg_namelen) ||
        !SameBytes(header.msg_control, first.msg_control, first.msg_controllen) ||
        LengthOf(header) == 0) {
      return false;
    }
  }
  return true;
}

// recvmsg_x does not say which datagrams it has cut off: it is for rooms that any datagram fits in.
bool Roomy(const MessageHeader* headers, unsigned count) {
  for (unsigned index = 0; index < count; index++) {
    const msghdr& header = headers[index].msg_hdr;
    if (LengthOf(header) < kMaxDatagram) return false;
    // Where no control data comes its length may stay as it was: a zeroed header ends the list.
    if (header.msg_controllen >= sizeof(cmsghdr)) {
      std::memset(header.msg_control, 0, sizeof(cmsghdr));
    }
  }
  return true;
}

}  // namespace

const Kernel kKernel = {
    TableOf(kSend),
    TableOf(kReceive),
    TableOf(kReceiveOptions),
    TableOf(kEmulated),
    kDontRoute,
    /* source_needs_wildcard */ true,
    /* interface_discards_source */ true,
    /* no_buffers_means_wait */ true,
    /* infer_cast */ InferCastByInterfaces,
    /* receive_error */ nullptr,
    // raw_ip.c, rip_output: of the control messages it takes the traffic class.
    /* dropped_by_raw_ipv4 */ kSource | kInterface,
    // It only bounds a datagram here, at 9216 bytes by default; close to it a datagram with control
    // data is EWOULDBLOCK for ever (Apple's FB23671230).
    /* min_send_buffer */ kMaxDatagram + 1 + kSendControlArena,
};

const Table<OptionRow> kPlatformOptions = TableOf(kOptionRows);

int SendMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  if (kSendMessages == nullptr || flags != MSG_DONTWAIT || !Alike(headers, count)) {
    return SendEach(descriptor, headers, count, flags);
  }
  return static_cast<int>(kSendMessages(descriptor, headers, count, flags));
}

int ReceiveMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  if (kReceiveMessages == nullptr || flags != MSG_DONTWAIT || !Roomy(headers, count)) {
    return ReceiveEach(descriptor, headers, count, flags);
  }
  return static_cast<int>(kReceiveMessages(descriptor, headers, count, flags));
}

int NativeFlags(uint8_t flags) { return flags & kDontRoute ? MSG_DONTROUTE : 0; }

}  // namespace datagram
