// What src/ needs to know of Winsock by type.
#ifndef SENDMSG_SRC_WIN_PLATFORM_H_
#define SENDMSG_SRC_WIN_PLATFORM_H_

// In this order: winsock2.h must come before windows.h, and the others build on it.
// clang-format off
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <mswsock.h>
// clang-format on

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace datagram {

enum class Waiting { kReadiness, kCompletion };
inline constexpr Waiting kWaiting = Waiting::kCompletion;

using Descriptor = SOCKET;
inline constexpr Descriptor kInvalidDescriptor = INVALID_SOCKET;
// An alias of 256 UTF-16 units (IF_MAX_STRING_SIZE) in UTF-8, terminated.
inline constexpr size_t kInterfaceNameSize = 3 * 256 + 1;

// WSAStartup and WSACleanup: Winsock counts them.
class PlatformSession {
 public:
  PlatformSession();
  ~PlatformSession();
  PlatformSession(const PlatformSession&) = delete;
  PlatformSession& operator=(const PlatformSession&) = delete;

 private:
  bool started_;
};

// The functions of a socket's provider.
struct SocketCalls {
  LPFN_WSASENDMSG send = nullptr;
  LPFN_WSARECVMSG receive = nullptr;
};

using Buffer = WSABUF;
inline Buffer MakeBuffer(void* data, size_t length) {
  return {static_cast<ULONG>(length), static_cast<CHAR*>(data)};
}
inline uint8_t* BufferData(const Buffer& buffer) { return reinterpret_cast<uint8_t*>(buffer.buf); }
inline size_t BufferLength(const Buffer& buffer) { return buffer.len; }

using ControlHeader = WSACMSGHDR;
inline size_t ControlSpace(size_t size) { return WSA_CMSG_SPACE(size); }
inline size_t ControlLength(size_t size) { return WSA_CMSG_LEN(size); }
inline uint8_t* ControlData(ControlHeader* header) {
  return reinterpret_cast<uint8_t*>(WSA_CMSG_DATA(header));
}
inline void SetControlHeader(ControlHeader* header, int level, int type, size_t size) {
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = WSA_CMSG_LEN(size);
}

// An empty datagram has one, too.
inline constexpr Buffer kEmptyBuffer = {0, nullptr};

struct MessageHeader {
  WSAMSG message;
  DWORD size;  // of what was received
};

inline void SetMessage(MessageHeader& header, sockaddr* name, socklen_t name_length,
                       const Buffer* buffers, size_t count, uint8_t* control,
                       size_t control_length) {
  std::memset(&header, 0, sizeof header);
  header.message.name = name;
  header.message.namelen = name_length;
  // WSASendMsg only reads them.
  header.message.lpBuffers = const_cast<Buffer*>(count > 0 ? buffers : &kEmptyBuffer);
  header.message.dwBufferCount = count > 0 ? static_cast<DWORD>(count) : 1;
  header.message.Control = MakeBuffer(control, control_length);
}

// Of a message that was received.
inline size_t MessageSize(const MessageHeader& header) { return header.size; }
inline socklen_t NameLength(const MessageHeader& header) { return header.message.namelen; }
inline size_t ControlUsed(const MessageHeader& header) { return header.message.Control.len; }
inline bool IsTruncated(const MessageHeader& header) {
  return (header.message.dwFlags & MSG_TRUNC) != 0;
}
inline bool IsControlTruncated(const MessageHeader& header) {
  return (header.message.dwFlags & MSG_CTRUNC) != 0;
}
inline bool IsBroadcast(const MessageHeader& header) {
  return (header.message.dwFlags & MSG_BCAST) != 0;
}
inline bool IsMulticast(const MessageHeader& header) {
  return (header.message.dwFlags & MSG_MCAST) != 0;
}

// The outcome of a system call.
inline int32_t StatusOf(int result) { return result == SOCKET_ERROR ? -WSAGetLastError() : 0; }
inline constexpr int32_t kNotSupported = -WSAEOPNOTSUPP;
inline constexpr int32_t kOtherFamily = -WSAEAFNOSUPPORT;
inline constexpr int32_t kNoSuchOption = -WSAENOPROTOOPT;
inline constexpr int32_t kNoBufferSpace = -WSAENOBUFS;
inline constexpr int32_t kInvalidArgument = -WSAEINVAL;
inline constexpr int32_t kMessageTooLong = -WSAEMSGSIZE;

}  // namespace datagram

#endif  // SENDMSG_SRC_WIN_PLATFORM_H_
