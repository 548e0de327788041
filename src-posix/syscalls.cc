// sendmsg(2), recvmsg(2) and their kin for many messages.
#include "syscalls.h"

#include <sys/socket.h>

#include <cerrno>

#include "kernel.h"

namespace datagram {

const Kernel& ThisKernel() { return kKernel; }

Status SendHeaders(const SocketState& state, MessageHeader* headers, uint32_t count,
                   uint8_t flags) {
  const int native = MSG_DONTWAIT | NativeFlags(flags);
  int sent;
  do {
    if (count == 1) {
      sent = sendmsg(state.descriptor, &headers[0].msg_hdr, native) < 0 ? -1 : 1;
    } else {
      sent = SendMany(state.descriptor, headers, count, native);
    }
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

Status ReceiveHeaders(const SocketState& state, MessageHeader* headers, uint32_t count) {
  int received;
  do {
    if (count == 1) {
      const ssize_t size = recvmsg(state.descriptor, &headers[0].msg_hdr, MSG_DONTWAIT);
      headers[0].msg_len = static_cast<decltype(headers[0].msg_len)>(size < 0 ? 0 : size);
      received = size < 0 ? -1 : 1;
    } else {
      received = ReceiveMany(state.descriptor, headers, count, MSG_DONTWAIT);
    }
  } while (received < 0 && errno == EINTR);
  if (received >= 0) return received;
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

SendFailure FailureOf(Status status) {
  const int error = -status;
  if (error == EAGAIN || error == EWOULDBLOCK) return SendFailure::kNoRoom;
  if (error == ENOBUFS && kKernel.no_buffers_means_wait) return SendFailure::kNoBuffers;
  if (error == EMSGSIZE) return SendFailure::kTooLong;
  // EIO: no checksum offload, or IPsec.
  if (error == EIO) return SendFailure::kNoOffloadAtAll;
  if (error == EINVAL) return SendFailure::kNoOffload;
  // What ICMP messages become (icmp_err_convert and icmpv6_err_convert of Linux).
  switch (error) {
    case ECONNREFUSED:
    case EPROTO:
      return SendFailure::kEarlierError;
    case EACCES:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
#ifdef ENONET
    case ENONET:
#endif
      return SendFailure::kPerhapsEarlier;
    default:
      return SendFailure::kFinal;
  }
}

}  // namespace datagram
