#ifndef SENDMSG_SRC_POSIX_ERROR_QUEUE_H_
#define SENDMSG_SRC_POSIX_ERROR_QUEUE_H_

#include "layout.h"
#include "platform.h"

namespace datagram {

// Linux: Kernel::receive_error.
int32_t ReceiveError(Descriptor descriptor, Buffer data, ErrorSlot& slot);

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_ERROR_QUEUE_H_
