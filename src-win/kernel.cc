// Windows: the IPPROTO_IP, IPPROTO_IPV6 and IPPROTO_UDP socket option pages of Winsock, and the
// remarks on control data of WSASendMsg and WSARecvMsg.
// https://learn.microsoft.com/windows/win32/winsock/ipproto-ip-socket-options
// https://learn.microsoft.com/windows/win32/winsock/ipproto-ipv6-socket-options
// https://learn.microsoft.com/windows/win32/winsock/ipproto-udp-socket-options
#include <vector>

#include "payloads.h"
#include "syscalls.h"

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
constexpr int kMaxCoalesced = 65535;

INT EcnOf(const SendSlot& slot) { return slot.trafficClass & kEcn; }
DWORD SegmentSizeOf(const SendSlot& slot) { return slot.segmentSize; }

const SendControl kPacketInfo4 = SendRow<PacketInfoIPv4<in_pktinfo, &in_pktinfo::ipi_addr>>(
    kSource | kInterface, kIPv4, IPPROTO_IP, IP_PKTINFO);
const SendControl kPacketInfo6 =
    SendRow<PacketInfoIPv6>(kSource | kInterface, kIPv6, IPPROTO_IPV6, IPV6_PKTINFO);
const SendControl kHopLimit6 = SendRow<HopLimitOf>(kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_HOPLIMIT);
const SendControl kTos = SendRow<TrafficClassOf>(kTrafficClass, kIPv4, IPPROTO_IP, IP_TOS);
const SendControl kClass6 =
    SendRow<TrafficClassOf>(kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_TCLASS);
const SendControl kEcn4 = SendRow<EcnOf>(kTrafficClass, kIPv4, IPPROTO_IP, IP_ECN);
const SendControl kEcn6 = SendRow<EcnOf>(kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_ECN);
const SendControl kSegments =
    SendRow<SegmentSizeOf>(kSegmentSize, kNoFamily, IPPROTO_UDP, UDP_SEND_MSG_SIZE);

// What the pages do not list as control data for sending.
const EmulatedField kEmulated[] = {
    {kHopLimit, kIPv4, IPPROTO_IP, IP_TTL, HopLimitOf, kNoFamily, MayBeUnicast},
    {kHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL, HopLimitOf, kNoFamily, MayBeMulticast},
    {kDontFragmentField, kIPv4, IPPROTO_IP, IP_DONTFRAGMENT, NeverFragments},
    {kDontFragmentField, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG, NeverFragments},
};

void DecodeEcn(const uint8_t* payload, size_t length, ReceiveSlot& slot) {
  uint32_t value;
  if (!ReadInteger(payload, length, value)) return;
  slot.trafficClass = static_cast<uint8_t>(value & kEcn);
  slot.present |= kHasEcn;
}

// Windows versions differ in the types: that of the option that asks, or that of sending.
const ReceiveControl kReceive[] = {
    {IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo), DecodePacketInfoIPv4<in_pktinfo>},
    // IPv4 on a dual-stack socket comes with this one, or with both.
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo), DecodePacketInfoIPv6},
    {IPPROTO_IP, IP_TOS, 1, DecodeTrafficClass},
    {IPPROTO_IP, IP_TCLASS, 1, DecodeTrafficClass},
    {IPPROTO_IPV6, IPV6_TCLASS, 1, DecodeTrafficClass},
    {IPPROTO_IP, IP_ECN, 1, DecodeEcn},
    {IPPROTO_IPV6, IPV6_ECN, 1, DecodeEcn},
    {IPPROTO_IP, IP_TTL, 1, DecodeHopLimit},
    {IPPROTO_IP, IP_HOPLIMIT, 1, DecodeHopLimit},
    {IPPROTO_IPV6, IPV6_HOPLIMIT, 1, DecodeHopLimit},
    {IPPROTO_UDP, UDP_COALESCED_INFO, sizeof(DWORD), DecodeSegmentSize, /* always */ true},
};

const ReceiveOption kEnablePacketInfo4 = {kDestination | kInterface | kCastField, kIPv4, IPPROTO_IP,
                                          IP_PKTINFO};
const ReceiveOption kEnablePacketInfo6 = {kDestination | kInterface | kCastField, kIPv6,
                                          IPPROTO_IPV6, IPV6_PKTINFO};
const ReceiveOption kEnableHopLimit4 = {kHopLimit, kIPv4, IPPROTO_IP, IP_RECVTTL};
const ReceiveOption kEnableHopLimit6 = {kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_HOPLIMIT};
const ReceiveOption kEnableTos = {kTrafficClass, kIPv4, IPPROTO_IP, IP_RECVTOS};
const ReceiveOption kEnableClass6 = {kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_RECVTCLASS};
const ReceiveOption kEnableEcn4 = {kTrafficClass, kIPv4, IPPROTO_IP, IP_RECVECN};
const ReceiveOption kEnableEcn6 = {kTrafficClass, kIPv6, IPPROTO_IPV6, IPV6_RECVECN};
// Drivers are known that coalesce and then do not say so: off unless it is asked for.
const ReceiveOption kEnableSegments = {kSegmentSize, kNoFamily, IPPROTO_UDP,
                                       UDP_RECV_MAX_COALESCED_SIZE, kMaxCoalesced};

// MSG_BCAST and MSG_MCAST say more; where there is neither, the destination decides.
void InferCast(ReceiveSlot& slot) {
  if (slot.cast == kUnknownCast) slot.cast = CastOf(slot.destinationFamily, slot.destination);
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

// What this Windows has: ways to send and to receive the traffic class, and offload.
class Tables {
 public:
  Tables()
      : send_{kPacketInfo4, kPacketInfo6, kHopLimit6},
        receive_options_{kEnablePacketInfo4, kEnablePacketInfo6, kEnableHopLimit4,
                         kEnableHopLimit6} {
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
    ClassBits reported_class = {0, 0};
    if (ipv4.Takes(IPPROTO_IP, IP_RECVTOS, 1)) {
      AddReceiveOption(kEnableTos, reported_class.ipv4, 0xff);
    } else if (ipv4.Takes(IPPROTO_IP, IP_RECVECN, 1)) {
      AddReceiveOption(kEnableEcn4, reported_class.ipv4, kEcn);
    }
    if (ipv6.Takes(IPPROTO_IPV6, IPV6_RECVTCLASS, 1)) {
      AddReceiveOption(kEnableClass6, reported_class.ipv6, 0xff);
    } else if (ipv6.Takes(IPPROTO_IPV6, IPV6_RECVECN, 1)) {
      AddReceiveOption(kEnableEcn6, reported_class.ipv6, kEcn);
    }
    // Only asked for: setting it succeeds where sending does not.
    if (ipv4.Knows(IPPROTO_UDP, UDP_SEND_MSG_SIZE)) send_.push_back(kSegments);
    if (ipv4.Knows(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE))
      receive_options_.push_back(kEnableSegments);

    kernel_.send = {send_.data(), send_.size()};
    kernel_.receive = TableOf(kReceive);
    kernel_.receive_options = {receive_options_.data(), receive_options_.size()};
    kernel_.emulated = TableOf(kEmulated);
    kernel_.send_flags = kDontRoute | kPartial | kOutOfBand;
    kernel_.infer_cast = InferCast;
    kernel_.send_class = send_class;
    kernel_.reported_class = reported_class;
    kernel_.sends_congestion_experienced = false;  // WSAEINVAL (Winsock's page on ECN)
  }

  const Kernel& kernel() const { return kernel_; }

 private:
  void AddSend(const SendControl& row, uint8_t& bits, uint8_t value) {
    send_.push_back(row);
    bits = value;
  }
  void AddReceiveOption(const ReceiveOption& row, uint8_t& bits, uint8_t value) {
    receive_options_.push_back(row);
    bits = value;
  }

  std::vector<SendControl> send_;
  std::vector<ReceiveOption> receive_options_;
  Kernel kernel_ = {};
};

int Coalesce(int on) { return on ? kMaxCoalesced : 0; }

const OptionRow kOptionRows[] = {
    {Option::kReuseAddress, kNoFamily, SOL_SOCKET, SO_REUSEADDR},
    {Option::kTrafficClassIPv6, kIPv6, IPPROTO_IPV6, IPV6_TCLASS},
    {Option::kDontFragment, kIPv6, IPPROTO_IPV6, IPV6_DONTFRAG},
    {Option::kDontFragment, kIPv4, IPPROTO_IP, IP_DONTFRAGMENT},
    {Option::kCoalesce, kNoFamily, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, Coalesce},
    {Option::kSegment, kNoFamily, IPPROTO_UDP, UDP_SEND_MSG_SIZE},
    {Option::kMulticastHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL},
    {Option::kMulticastLoopback, kIPv4, IPPROTO_IP, IP_MULTICAST_LOOP},
    {Option::kPathMtu, kIPv6, IPPROTO_IPV6, IPV6_MTU},
    {Option::kPathMtu, kIPv4, IPPROTO_IP, IP_MTU},
};

}  // namespace

// Asked once in a process, after Winsock was started.
const Kernel& ThisKernel() {
  static const Tables tables;
  return tables.kernel();
}

const Table<OptionRow> kPlatformOptions = TableOf(kOptionRows);

}  // namespace datagram
