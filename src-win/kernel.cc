// Windows: the IPPROTO_IP, IPPROTO_IPV6 and IPPROTO_UDP socket option pages of Winsock, and the
// remarks on control data of WSASendMsg and WSARecvMsg.
// https://learn.microsoft.com/windows/win32/winsock/ipproto-ip-socket-options
// https://learn.microsoft.com/windows/win32/winsock/ipproto-ipv6-socket-options
// https://learn.microsoft.com/windows/win32/winsock/ipproto-udp-socket-options
#include <vector>

#include "address.h"
#include "calls.h"

// Newer than the oldest headers that we build with (ws2ipdef.h, mstcpip.h).
#ifndef IP_TCLASS
#define IP_TCLASS 39
#endif
#ifndef IP_RECVTOS
#define IP_RECVTOS 40
#endif
#ifndef IPV6_TCLASS
#define IPV6_TCLASS 39
#endif
#ifndef IPV6_RECVTCLASS
#define IPV6_RECVTCLASS 40
#endif
#ifndef IPV6_MTU
#define IPV6_MTU 72
#endif
#ifndef IP_MTU
#define IP_MTU 73
#endif
#ifndef IP_ECN
#define IP_ECN 50
#endif
#ifndef IP_RECVECN
#define IP_RECVECN 50
#endif
#ifndef IPV6_ECN
#define IPV6_ECN 50
#endif
#ifndef IPV6_RECVECN
#define IPV6_RECVECN 50
#endif
#ifndef UDP_SEND_MSG_SIZE
#define UDP_SEND_MSG_SIZE 2
#endif
#ifndef UDP_RECV_MAX_COALESCED_SIZE
#define UDP_RECV_MAX_COALESCED_SIZE 3
#endif
#ifndef UDP_COALESCED_INFO
#define UDP_COALESCED_INFO 3
#endif

namespace datagram {
namespace {

constexpr uint8_t kEcn = 0x03;
constexpr int kMostCoalesced = 65535;

INT TrafficClassOf(const SendSlot& slot) { return slot.trafficClass; }
INT EcnOf(const SendSlot& slot) { return slot.trafficClass & kEcn; }
int HopLimit(const SendSlot& slot) { return slot.hopLimit; }
DWORD SegmentSizeOf(const SendSlot& slot) { return slot.segmentSize; }

in_pktinfo PacketInfoIPv4(const SendSlot& slot) {
  in_pktinfo info = {};
  info.ipi_ifindex = slot.interfaceIndex;
  if (slot.fields & kSource) std::memcpy(&info.ipi_addr, slot.source, 4);
  return info;
}

in6_pktinfo PacketInfoIPv6(const SendSlot& slot) {
  in6_pktinfo info = {};
  info.ipi6_ifindex = slot.interfaceIndex;
  if (slot.fields & kSource) std::memcpy(&info.ipi6_addr, slot.source, 16);
  return info;
}

const SendControl kPacketInfo4 =
    SendRow<PacketInfoIPv4>(kSource | kInterface, kIPv4, IPPROTO_IP, IP_PKTINFO);
const SendControl kPacketInfo6 =
    SendRow<PacketInfoIPv6>(kSource | kInterface, kIPv6, IPPROTO_IPV6, IPV6_PKTINFO);
const SendControl kHopLimit6 = SendRow<HopLimit>(kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_HOPLIMIT);
const SendControl kTos = SendRow<TrafficClassOf>(kTrafficClass, kIPv4, IPPROTO_IP, IP_TOS);
const SendControl kClass6 =
    SendRow<TrafficClassOf>(kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_TCLASS);
const SendControl kEcn4 = SendRow<EcnOf>(kTrafficClass, kIPv4, IPPROTO_IP, IP_ECN);
const SendControl kEcn6 = SendRow<EcnOf>(kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_ECN);
const SendControl kSegments =
    SendRow<SegmentSizeOf>(kSegmentSize, kNoFamily, IPPROTO_UDP, UDP_SEND_MSG_SIZE);

bool Connected(const SendSlot& slot) { return slot.destinationFamily == kNoFamily; }
bool ToMulticast(const SendSlot& slot) {
  return !Connected(slot) && (slot.destination[0] & 0xf0) == 0xe0;
}
int DontFragment(const SendSlot& slot) { return slot.dontFragment == kNeverFragment; }

// What the pages do not list as control data for sending.
const EmulatedField kEmulated[] = {
    {kHopLimit, kIPv4, IPPROTO_IP, IP_TTL, HopLimit, kNoFamily,
     [](const SendSlot& slot) { return !ToMulticast(slot); }},
    {kHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL, HopLimit, kNoFamily,
     [](const SendSlot& slot) { return ToMulticast(slot) || Connected(slot); }},
    {kDontFragmentField, kIPv4, IPPROTO_IP, IP_DONTFRAGMENT, DontFragment},
    {kDontFragmentField, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG, DontFragment},
};

void TellTrafficClass(const uint8_t* payload, size_t length, ReceiveSlot& slot) {
  uint32_t value;
  if (ReadInteger(payload, length, value)) SetTrafficClass(slot, value);
}

void TellEcn(const uint8_t* payload, size_t length, ReceiveSlot& slot) {
  uint32_t value;
  if (!ReadInteger(payload, length, value)) return;
  slot.trafficClass = static_cast<uint8_t>(value & kEcn);
  slot.present |= kHasEcn;
}

void TellHopLimit(const uint8_t* payload, size_t length, ReceiveSlot& slot) {
  uint32_t value;
  if (ReadInteger(payload, length, value)) SetHopLimit(slot, value);
}

// Windows versions differ in the types: that of the option that asks, or that of sending.
const ReceiveControl kReceive[] = {
    {IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo),
     [](const uint8_t* payload, size_t, ReceiveSlot& slot) {
       in_pktinfo info;
       std::memcpy(&info, payload, sizeof info);
       SetDestination(slot, kIPv4, &info.ipi_addr);
       SetInterface(slot, info.ipi_ifindex);
     }},
    // IPv4 on a dual-stack socket comes with this one, or with both.
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo),
     [](const uint8_t* payload, size_t, ReceiveSlot& slot) {
       in6_pktinfo info;
       std::memcpy(&info, payload, sizeof info);
       SetDestinationUnmapped(slot, info.ipi6_addr);
       SetInterface(slot, info.ipi6_ifindex);
     }},
    {IPPROTO_IP, IP_TOS, 1, TellTrafficClass},
    {IPPROTO_IP, IP_TCLASS, 1, TellTrafficClass},
    {IPPROTO_IPV6, IPV6_TCLASS, 1, TellTrafficClass},
    {IPPROTO_IP, IP_ECN, 1, TellEcn},
    {IPPROTO_IPV6, IPV6_ECN, 1, TellEcn},
    {IPPROTO_IP, IP_TTL, 1, TellHopLimit},
    {IPPROTO_IP, IP_HOPLIMIT, 1, TellHopLimit},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, 1, TellHopLimit},
    {IPPROTO_UDP, UDP_COALESCED_INFO, sizeof(DWORD),
     [](const uint8_t* payload, size_t length, ReceiveSlot& slot) {
       ReadInteger(payload, length, slot.segmentSize);
     },
     /* always */ true},
};

const ReceiveOption kTellPacketInfo4 = {kDestination | kInterface | kCastField, kIPv4, IPPROTO_IP,
                                        IP_PKTINFO};
const ReceiveOption kTellPacketInfo6 = {kDestination | kInterface | kCastField, kIPv6, IPPROTO_IPV6,
                                        IPV6_PKTINFO};
const ReceiveOption kTellHopLimit4 = {kHopLimit, kIPv4, IPPROTO_IP, IP_RECVTTL};
const ReceiveOption kTellHopLimit6 = {kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_HOPLIMIT};
const ReceiveOption kTellTos = {kTrafficClass, kIPv4, IPPROTO_IP, IP_RECVTOS};
const ReceiveOption kTellClass6 = {kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_RECVTCLASS};
const ReceiveOption kTellEcn4 = {kTrafficClass, kIPv4, IPPROTO_IP, IP_RECVECN};
const ReceiveOption kTellEcn6 = {kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_RECVECN};
// Drivers are known that coalesce and then do not say so: off unless it is asked for.
const ReceiveOption kTellSegments = {kSegmentSize, kNoFamily, IPPROTO_UDP,
                                     UDP_RECV_MAX_COALESCED_SIZE, kMostCoalesced};

// MSG_BCAST and MSG_MCAST say more; where there is neither, the destination decides.
void Complete(ReceiveSlot& slot) {
  if (slot.cast != kUnknownCast || slot.destinationFamily == kNoFamily) return;
  const uint8_t first = slot.destination[0];
  const uint8_t all[4] = {0xff, 0xff, 0xff, 0xff};
  if (slot.destinationFamily == kIPv6) {
    slot.cast = first == 0xff ? kMulticast : kUnicast;
  } else if (std::memcmp(slot.destination, all, sizeof all) == 0) {
    slot.cast = kBroadcast;
  } else {
    slot.cast = (first & 0xf0) == 0xe0 ? kMulticast : kUnicast;
  }
}

// A socket that is only asked what this Windows knows.
class Probe {
 public:
  explicit Probe(int family) : socket_(socket(family, SOCK_DGRAM, IPPROTO_UDP)) {}
  ~Probe() {
    if (socket_ != INVALID_SOCKET) closesocket(socket_);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  bool Takes(int level, int option, int value) const {
    return socket_ != INVALID_SOCKET && SetNativeOption(socket_, level, option, value) == 0;
  }
  bool Knows(int level, int option) const {
    int value;
    return socket_ != INVALID_SOCKET && GetNativeOption(socket_, level, option, value) == 0;
  }

 private:
  const SOCKET socket_;
};

// What this Windows has: which of the ways to send and to be told the traffic class, and offload.
class Tables {
 public:
  Tables()
      : send_{kPacketInfo4, kPacketInfo6, kHopLimit6},
        told_{kTellPacketInfo4, kTellPacketInfo6, kTellHopLimit4, kTellHopLimit6} {
    const Probe ipv4(AF_INET);
    const Probe ipv6(AF_INET6);
    ClassBits send_class = {0, 0};
    // IP_TOS as an option is taken and does nothing, so that IPv6 has to answer for both.
    if (ipv6.Takes(IPPROTO_IPV6, IPV6_TCLASS, 0)) {
      AddSend(kTos, send_class.ipv4, 0xff);
      AddSend(kClass6, send_class.ipv6, 0xff);
    } else {
      if (ipv4.Takes(IPPROTO_IP, IP_RECVECN, 1)) AddSend(kEcn4, send_class.ipv4, kEcn);
      if (ipv6.Takes(IPPROTO_IPV6, IPV6_RECVECN, 1)) AddSend(kEcn6, send_class.ipv6, kEcn);
    }
    ClassBits told_class = {0, 0};
    if (ipv4.Takes(IPPROTO_IP, IP_RECVTOS, 1)) {
      AddTold(kTellTos, told_class.ipv4, 0xff);
    } else if (ipv4.Takes(IPPROTO_IP, IP_RECVECN, 1)) {
      AddTold(kTellEcn4, told_class.ipv4, kEcn);
    }
    if (ipv6.Takes(IPPROTO_IPV6, IPV6_RECVTCLASS, 1)) {
      AddTold(kTellClass6, told_class.ipv6, 0xff);
    } else if (ipv6.Takes(IPPROTO_IPV6, IPV6_RECVECN, 1)) {
      AddTold(kTellEcn6, told_class.ipv6, kEcn);
    }
    // Only asked for: setting it succeeds where sending does not.
    if (ipv4.Knows(IPPROTO_UDP, UDP_SEND_MSG_SIZE)) send_.push_back(kSegments);
    if (ipv4.Knows(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE)) told_.push_back(kTellSegments);

    kernel_.send = {send_.data(), send_.size()};
    kernel_.receive = TableOf(kReceive);
    kernel_.receive_options = {told_.data(), told_.size()};
    kernel_.emulated = TableOf(kEmulated);
    kernel_.send_flags = kDontRoute | kPartial | kOutOfBand;
    kernel_.complete = Complete;
    kernel_.send_class = send_class;
    kernel_.told_class = told_class;
    kernel_.sends_congestion_experienced = false;  // WSAEINVAL (Winsock's page on ECN)
  }

  const Kernel& kernel() const { return kernel_; }

 private:
  void AddSend(const SendControl& row, uint8_t& bits, uint8_t value) {
    send_.push_back(row);
    bits = value;
  }
  void AddTold(const ReceiveOption& row, uint8_t& bits, uint8_t value) {
    told_.push_back(row);
    bits = value;
  }

  std::vector<SendControl> send_;
  std::vector<ReceiveOption> told_;
  Kernel kernel_ = {};
};

int Coalesce(int on) { return on ? kMostCoalesced : 0; }

const OptionRow kOptionRows[] = {
    {Option::kReceiveBuffer, kNoFamily, SOL_SOCKET, SO_RCVBUF, nullptr, nullptr},
    {Option::kSendBuffer, kNoFamily, SOL_SOCKET, SO_SNDBUF, nullptr, nullptr},
    {Option::kReuseAddress, kNoFamily, SOL_SOCKET, SO_REUSEADDR, nullptr, nullptr},
    {Option::kIPv6Only, kIPv6, IPPROTO_IPV6, IPV6_V6ONLY, nullptr, nullptr},
    {Option::kBroadcast, kNoFamily, SOL_SOCKET, SO_BROADCAST, nullptr, nullptr},
    {Option::kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, nullptr, nullptr},
    {Option::kHopLimit, kIPv4, IPPROTO_IP, IP_TTL, nullptr, nullptr},
    {Option::kTrafficClassIPv4, kIPv4, IPPROTO_IP, IP_TOS, nullptr, nullptr},
    {Option::kTrafficClassIPv6, kIPv6, IPPROTO_IPV6, IPV6_TCLASS, nullptr, nullptr},
    {Option::kDontFragment, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG, nullptr, nullptr},
    {Option::kDontFragment, kIPv4, IPPROTO_IP, IP_DONTFRAGMENT, nullptr, nullptr},
    {Option::kCoalesce, kNoFamily, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, Coalesce, nullptr},
    {Option::kSegment, kNoFamily, IPPROTO_UDP, UDP_SEND_MSG_SIZE, nullptr, nullptr},
    {Option::kMulticastHopLimit, kIPv6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, nullptr, nullptr},
    {Option::kMulticastHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL, nullptr, nullptr},
    {Option::kMulticastLoopback, kIPv6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, nullptr, nullptr},
    {Option::kMulticastLoopback, kIPv4, IPPROTO_IP, IP_MULTICAST_LOOP, nullptr, nullptr},
    {Option::kPathMtu, kIPv6, IPPROTO_IPV6, IPV6_MTU, nullptr, nullptr},
    {Option::kPathMtu, kIPv4, IPPROTO_IP, IP_MTU, nullptr, nullptr},
};

}  // namespace

// Asked once in a process, after Winsock was started.
const Kernel& ThisKernel() {
  static const Tables tables;
  return tables.kernel();
}

const Table<OptionRow> kOptions = TableOf(kOptionRows);

}  // namespace datagram
