// What each kernel_*.cc brings beside its control message tables.
#ifndef SENDMSG_SRC_POSIX_KERNEL_H_
#define SENDMSG_SRC_POSIX_KERNEL_H_

#include <sys/socket.h>

#include "backend.h"
#include "control.h"

namespace datagram {

// One way to set an option; an option can take several (both families of a dual-stack socket).
struct OptionRow {
  Option option;
  Family family;  // kNoFamily: on any socket
  int level;
  int name;
  int (*value)(int value);                       // from ours to the kernel's; null: as it is
  int (*set)(Descriptor descriptor, int value);  // where an int will not do; as setsockopt
};

extern const Kernel kKernel;
extern const Table<OptionRow> kOptions;

#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__)
using MultiHeader = mmsghdr;
#else
struct MultiHeader {
  msghdr msg_hdr;
  size_t msg_len;
};
#endif

// sendmmsg(2) and recvmmsg(2), or what this kernel has in their place: how many were done, or -1
// with errno when the first one failed.
int SendMany(Descriptor descriptor, MultiHeader* headers, unsigned count, int flags);
int ReceiveMany(Descriptor descriptor, MultiHeader* headers, unsigned count, int flags);

// SendFlag bits in this kernel's numbers.
int NativeFlags(uint8_t flags);

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_KERNEL_H_
