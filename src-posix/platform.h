// What src/ needs to know of POSIX by type.
#ifndef SENDMSG_SRC_POSIX_PLATFORM_H_
#define SENDMSG_SRC_POSIX_PLATFORM_H_

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace datagram {

enum class Waiting { kReadiness, kCompletion };
inline constexpr Waiting kWaiting = Waiting::kReadiness;

using Descriptor = int;
inline constexpr Descriptor kInvalidDescriptor = -1;
inline constexpr size_t kInterfaceNameSize = IF_NAMESIZE;

struct PlatformSession {};
struct SocketCalls {};

using Buffer = iovec;
inline Buffer MakeBuffer(void* data, size_t length) { return {data, length}; }
inline uint8_t* BufferData(const Buffer& buffer) { return static_cast<uint8_t*>(buffer.iov_base); }
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

// One message of sendmmsg(2) and recvmmsg(2), also where there are none.
#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__)
using MessageHeader = mmsghdr;
#else
struct MessageHeader {
  msghdr msg_hdr;
  size_t msg_len;
};
#endif

inline void SetMessage(MessageHeader& header, sockaddr* name, socklen_t name_length,
                       const Buffer* buffers, size_t count, uint8_t* control,
                       size_t control_length) {
  std::memset(&header, 0, sizeof header);
  header.msg_hdr.msg_name = name;
  header.msg_hdr.msg_namelen = name_length;
  header.msg_hdr.msg_iov = const_cast<Buffer*>(buffers);  // sendmsg(2) only reads it
  header.msg_hdr.msg_iovlen = static_cast<decltype(header.msg_hdr.msg_iovlen)>(count);
  header.msg_hdr.msg_control = control;
  header.msg_hdr.msg_controllen =
      static_cast<decltype(header.msg_hdr.msg_controllen)>(control_length);
}

// Of a message that was received.
inline size_t MessageSize(const MessageHeader& header) { return header.msg_len; }
inline socklen_t NameLength(const MessageHeader& header) { return header.msg_hdr.msg_namelen; }
inline size_t ControlUsed(const MessageHeader& header) { return header.msg_hdr.msg_controllen; }
inline bool IsTruncated(const MessageHeader& header) {
  return (header.msg_hdr.msg_flags & MSG_TRUNC) != 0;
}
inline bool IsControlTruncated(const MessageHeader& header) {
  return (header.msg_hdr.msg_flags & MSG_CTRUNC) != 0;
}
// The kernel tables read it from control data.
inline bool IsBroadcast(const MessageHeader&) { return false; }
inline bool IsMulticast(const MessageHeader&) { return false; }

// The outcome of a system call.
inline int32_t StatusOf(int result) { return result < 0 ? -errno : 0; }
inline constexpr int32_t kNotSupported = -EOPNOTSUPP;
inline constexpr int32_t kOtherFamily = -EAFNOSUPPORT;
inline constexpr int32_t kNoSuchOption = -ENOPROTOOPT;
inline constexpr int32_t kNoBufferSpace = -ENOBUFS;
inline constexpr int32_t kInvalidArgument = -EINVAL;
inline constexpr int32_t kMessageTooLong = -EMSGSIZE;

}  // namespace datagram

#endif  // SENDMSG_SRC_POSIX_PLATFORM_H_
