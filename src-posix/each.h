// In place of sendmmsg(2) and recvmmsg(2): one system call after the other, with the same results.
// After the first message an error ends the batch; the next call meets it again, or it has passed.
#ifndef SENDMSG_SRC_POSIX_EACH_H_
#define SENDMSG_SRC_POSIX_EACH_H_

#include <sys/socket.h>
#include <sys/types.h>

#include "kernel.h"

namespace datagram {

inline int SendEach(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  unsigned done = 0;
  for (; done < count; done++) {
    const ssize_t size = sendmsg(descriptor, &headers[done].msg_hdr, flags);
    if (size < 0) return done > 0 ? static_cast<int>(done) : -1;
    headers[done].msg_len = static_cast<decltype(headers[done].msg_len)>(size);
  }
  return static_cast<int>(done);
}

inline int ReceiveEach(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  unsigned done = 0;
  for (; done < count; done++) {
    const ssize_t size = recvmsg(descriptor, &headers[done].msg_hdr, flags);
    if (size < 0) return done > 0 ? static_cast<int>(done) : -1;
    headers[done].msg_len = static_cast<decltype(headers[done].msg_len)>(size);
  }
  return static_cast<int>(done);
}

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_EACH_H_
