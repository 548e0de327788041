// WSASendMsg and WSARecvMsg, without OVERLAPPED: one message after the other.
// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsasendmsg
// https://learn.microsoft.com/windows/win32/api/mswsock/nc-mswsock-lpfn_wsarecvmsg
#include "calls.h"

#include "provider.h"

namespace datagram {
namespace {

// Winsock has no MSG_DONTWAIT, and does not tell whether the owner of a borrowed socket made it
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
  // Data or control data did not fit; what did fit was delivered. Wine tells neither the flag nor
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
  for (uint32_t index = 0; index < count; index++) {
    Status status = -WSAEWOULDBLOCK;
    if (!WouldBlock(state, POLLWRNORM)) {
      DWORD sent = 0;
      status = StatusOf(state.calls.send(state.descriptor, &headers[index].message,
                                         NativeFlags(flags), &sent, nullptr, nullptr));
    }
    // After the first message an error ends the batch; the next call meets it again, or it has
    // passed.
    if (status != 0) return index > 0 ? static_cast<Status>(index) : status;
  }
  return static_cast<Status>(count);
}

Status ReceiveHeaders(const SocketState& state, MessageHeader* headers, uint32_t count) {
  if (state.descriptor == kInvalidDescriptor) return -WSAENOTSOCK;
  for (uint32_t index = 0; index < count; index++) {
    const Status status = ReceiveOne(state, headers[index]);
    if (status == 0) continue;
    if (index > 0) return static_cast<Status>(index);
    return status == -WSAEWOULDBLOCK ? 0 : status;
  }
  return static_cast<Status>(count);
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
