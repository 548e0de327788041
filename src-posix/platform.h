// What src/ needs to know of POSIX by type.
#ifndef SENDMSG_SRC_POSIX_PLATFORM_H_
#define SENDMSG_SRC_POSIX_PLATFORM_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace datagram {

enum class Waiting { kReadiness, kCompletion };
inline constexpr Waiting kWaiting = Waiting::kReadiness;

using Descriptor = int;
inline constexpr Descriptor kInvalidDescriptor = -1;

using Buffer = iovec;
inline Buffer MakeBuffer(void* data, size_t length) { return {data, length}; }
inline size_t BufferLength(const Buffer& buffer) { return buffer.iov_len; }

using ControlHeader = cmsghdr;
inline size_t ControlSpace(size_t size) { return CMSG_SPACE(size); }
inline size_t ControlLength(size_t size) { return CMSG_LEN(size); }
inline uint8_t* ControlData(ControlHeader* header) { return CMSG_DATA(header); }
inline void SetControlHeader(ControlHeader* header, int level, int type, size_t size) {
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(size);
}

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_PLATFORM_H_
