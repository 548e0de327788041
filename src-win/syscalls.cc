// WSASendMsg and WSARecvMsg, without OVERLAPPED: one message after the other.
// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsasendmsg
// https://learn.microsoft.com/windows/win32/api/mswsock/nc-mswsock-lpfn_wsarecvmsg
#include "syscalls.h"

#include "provider.h"

namespace datagram {
namespace {

// Winsock has no MSG_DONTWAIT, and does not say whether the owner of a borrowed socket made it
// non-blocking.
bool WouldBlock(const SocketState& state, SHORT events) {
  if (state.owned) return false;
  WSAPOLLFD watched = {state.descriptor, events, 0};
  return WSAPoll(&watched, 1, 0) == 0;
}

Status ReceiveOne(const SocketState& state, MessageHeader& header) {
  DWORD room = 0;
  for (DWORD index = 0; index < header.message.dwBufferCount; index++) {
    room += header.message.lpBuffers[index].len;
  }
  if (WouldBlock(state, POLLRDNORM)) return -WSAEWOULDBLOCK;
  const Status status = StatusOf(
      state.calls.receive(state.descriptor, &header.message, &header.size, nullptr, nullptr));
  if (status != -WSAEMSGSIZE) return status;
  // Data or control data did not fit; what did fit was delivered. Wine sets neither the flag nor
  // the count.
  if ((header.message.dwFlags & (MSG_TRUNC | MSG_CTRUNC)) == 0) header.message.dwFlags |= MSG_TRUNC;
  if (header.size == 0 && IsTruncated(header)) header.size = room;
  return 0;
}

}  // namespace

DWORD NativeFlags(uint8_t flags) {
  return (flags & kDontRoute ? MSG_DONTROUTE : 0) | (flags & kPartial ? MSG_PARTIAL : 0) |
         (flags & kOutOfBand ? MSG_OOB : 0);
}

Status SendHeaders(const SocketState& state, MessageHeader* headers, uint32_t count,
                   uint8_t flags) {
  if (state.descriptor == kInvalidDescriptor) return -WSAENOTSOCK;
  return ForEachHeader(headers, count, [&state, flags](MessageHeader& header) {
    if (WouldBlock(state, POLLWRNORM)) return -WSAEWOULDBLOCK;
    DWORD sent = 0;
    return StatusOf(state.calls.send(state.descriptor, &header.message, NativeFlags(flags), &sent,
                                     nullptr, nullptr));
  });
}

Status ReceiveHeaders(const SocketState& state, MessageHeader* headers, uint32_t count) {
  if (state.descriptor == kInvalidDescriptor) return -WSAENOTSOCK;
  const Status received = ForEachHeader(
      headers, count, [&state](MessageHeader& header) { return ReceiveOne(state, header); });
  return received == -WSAEWOULDBLOCK ? 0 : received;
}

SendFailure FailureOf(Status status) {
  switch (-status) {
    case WSAEWOULDBLOCK:
      return SendFailure::kNoRoom;
    case WSAEMSGSIZE:
      return SendFailure::kTooLong;
    // What UDP_SEND_MSG_SIZE meets where the network interface, or a filter, can't do it.
    case WSAEINVAL:
    case WSAEOPNOTSUPP:
    case WSAENOPROTOOPT:
      return SendFailure::kNoOffload;
    // ICMP port unreachable, and time exceeded.
    case WSAECONNRESET:
    case WSAENETRESET:
      return SendFailure::kEarlierError;
    default:
      return SendFailure::kFinal;
  }
}

}  // namespace datagram
