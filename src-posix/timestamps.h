// The time that a datagram came, as kernels report it.
#ifndef SENDMSG_SRC_POSIX_TIMESTAMPS_H_
#define SENDMSG_SRC_POSIX_TIMESTAMPS_H_

#include <sys/time.h>

#include <ctime>

#include "address.h"

namespace datagram {

inline void DecodeTimespec(const uint8_t* payload, size_t, ReceiveSlot& slot) {
  timespec time;
  std::memcpy(&time, payload, sizeof time);
  SetTimestamp(slot, time.tv_sec, time.tv_nsec);
}

inline void DecodeTimeval(const uint8_t* payload, size_t, ReceiveSlot& slot) {
  timeval time;
  std::memcpy(&time, payload, sizeof time);
  SetTimestamp(slot, time.tv_sec, static_cast<int64_t>(time.tv_usec) * 1000);
}

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_TIMESTAMPS_H_
