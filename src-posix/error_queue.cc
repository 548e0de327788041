// Linux's error queue: ip(7) and ipv6(7), IP_RECVERR and IPV6_RECVERR; net/ipv4/ip_sockglue.c,
// net/ipv6/datagram.c, net/core/skbuff.c (sock_dequeue_err_skb).
#include "error_queue.h"

// clang-format off
#include <ctime>  // what linux/errqueue.h wants to have first
// clang-format on
#include <linux/errqueue.h>
#include <sys/socket.h>

#include "address.h"
#include "control.h"
#include "syscalls.h"

namespace datagram {
namespace {

constexpr size_t kControlRoom = 512;

ErrorOrigin OriginOf(uint8_t origin) {
  switch (origin) {
    case SO_EE_ORIGIN_LOCAL:
      return kOriginLocal;
    case SO_EE_ORIGIN_ICMP:
      return kOriginIcmp;
    case SO_EE_ORIGIN_ICMP6:
      return kOriginIcmp6;
    case SO_EE_ORIGIN_TXTIME:
      return kOriginSendTime;
    default:
      return kNoOrigin;  // a timestamp
  }
}

void Describe(const uint8_t* payload, size_t length, ErrorSlot& slot) {
  sock_extended_err error;
  std::memcpy(&error, payload, sizeof error);
  slot.status = -static_cast<int32_t>(error.ee_errno);
  slot.info = error.ee_info;
  slot.data = error.ee_data;
  slot.origin = OriginOf(error.ee_origin);
  slot.type = error.ee_type;
  slot.code = error.ee_code;
  // SO_EE_OFFENDER, as far as it is there.
  SocketAddress name = {};
  const size_t rest = length - sizeof error;
  const size_t size = rest < sizeof name ? rest : sizeof name;
  std::memcpy(&name, payload + sizeof error, size);
  const Address offender = Decode(name, static_cast<socklen_t>(size));
  slot.offenderFamily = offender.family;
  slot.offenderScope = offender.scope;
  std::memcpy(slot.offender, offender.bytes, sizeof slot.offender);
}

}  // namespace

int32_t ReceiveError(Descriptor descriptor, Buffer data, ErrorSlot& slot) {
  alignas(ControlHeader) uint8_t control[kControlRoom];
  SocketAddress name = {};
  MessageHeader header;
  SetMessage(header, &name.any, sizeof name, &data, 1, control, sizeof control);
  const ssize_t size = recvmsg(descriptor, &header.msg_hdr, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (size < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) return -errno;
    // What the queue had no room for is pending all the same, and would be POLLERR without end.
    int pending;
    return GetNativeOption(descriptor, SOL_SOCKET, SO_ERROR, pending);
  }
  const Address destination = Decode(name, NameLength(header));
  slot.family = destination.family;
  slot.port = destination.port;
  slot.addressScope = destination.scope;
  std::memcpy(slot.address, destination.bytes, sizeof slot.address);
  slot.size = static_cast<uint32_t>(size);
  ForEachControl(control, ControlUsed(header),
                 [&](int level, int type, const uint8_t* payload, size_t length) {
                   const bool error = (level == IPPROTO_IP && type == IP_RECVERR) ||
                                      (level == IPPROTO_IPV6 && type == IPV6_RECVERR);
                   if (error && length >= sizeof(sock_extended_err))
                     Describe(payload, length, slot);
                 });
  return 1;
}

}  // namespace datagram
