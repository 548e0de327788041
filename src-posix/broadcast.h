// For kernels that report a datagram's destination, and not whether it was a broadcast.
#ifndef SENDMSG_SRC_POSIX_BROADCAST_H_
#define SENDMSG_SRC_POSIX_BROADCAST_H_

#include "layout.h"

namespace datagram {

// Kernel::infer_cast by the destination and the broadcast addresses of this host's interfaces
// (getifaddrs(3)), which are read at most once a second.
void InferCastByInterfaces(ReceiveSlot& slot);

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_BROADCAST_H_
