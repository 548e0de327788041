// For kernels that tell a datagram's destination, and not whether it went to many.
#ifndef SENDMSG_SRC_POSIX_BROADCAST_H_
#define SENDMSG_SRC_POSIX_BROADCAST_H_

#include "layout.h"

namespace datagram {

// Works out `cast` from the destination and the broadcast addresses of this host's interfaces
// (getifaddrs(3)), which are read at most once a second.
void WorkOutCast(ReceiveSlot& slot);

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_BROADCAST_H_
