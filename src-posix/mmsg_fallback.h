// In place of sendmmsg(2) and recvmmsg(2), with the same results.
#ifndef SENDMSG_SRC_POSIX_MMSG_FALLBACK_H_
#define SENDMSG_SRC_POSIX_MMSG_FALLBACK_H_

#include <sys/socket.h>
#include <sys/types.h>

#include "kernel.h"

namespace datagram {

inline int SendEach(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  return ForEachHeader(headers, count, [descriptor, flags](MessageHeader& header) {
    return sendmsg(descriptor, &header.msg_hdr, flags) < 0 ? -1 : 0;
  });
}

inline int ReceiveEach(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  return ForEachHeader(headers, count, [descriptor, flags](MessageHeader& header) {
    const ssize_t size = recvmsg(descriptor, &header.msg_hdr, flags);
    if (size < 0) return -1;
    header.msg_len = static_cast<decltype(header.msg_len)>(size);
    return 0;
  });
}

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_MMSG_FALLBACK_H_
