#ifndef SENDMSG_SRC_POSIX_ERROR_QUEUE_H_
#define SENDMSG_SRC_POSIX_ERROR_QUEUE_H_

#include "platform.h"
#include "layout.h"

namespace datagram {

// Linux: Kernel::receive_error.
int32_t ReceiveError(Descriptor descriptor, Buffer data, ErrorSlot& slot);

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_ERROR_QUEUE_H_
