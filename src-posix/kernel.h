// What each kernel_*.cc brings beside its control message tables.
#ifndef SENDMSG_SRC_POSIX_KERNEL_H_
#define SENDMSG_SRC_POSIX_KERNEL_H_

#include <sys/socket.h>

#include "syscalls.h"

namespace datagram {

extern const Kernel kKernel;

// sendmmsg(2) and recvmmsg(2), or what this kernel has in their place: how many were done, or -1
// with errno when the first one failed.
int SendMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags);
int ReceiveMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags);

// SendFlag bits in this kernel's numbers.
int NativeFlags(uint8_t flags);

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_KERNEL_H_
