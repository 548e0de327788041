// Sockets: how they are opened, borrowed, connected and watched.
// clang-format off
#include "provider.h"
#include <mstcpip.h>
#include <iphlpapi.h>
// clang-format on

#include "address.h"
#include "syscalls.h"

#ifndef SIO_UDP_CONNRESET
#define SIO_UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)
#endif
#ifndef SIO_UDP_NETRESET
#define SIO_UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)
#endif

namespace datagram {
namespace {

constexpr DWORD kSocketFlags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;

// Whether ICMP errors of earlier datagrams fail later calls. Where a switch is missing, so are the
// errors.
void Switch(SOCKET socket, DWORD code, bool on) {
  BOOL value = on ? TRUE : FALSE;
  DWORD length = 0;
  WSAIoctl(socket, code, &value, sizeof value, nullptr, 0, &length, nullptr, nullptr);
}

Status Configure(SOCKET socket, Family family, bool raw, SocketCalls& calls) {
  u_long non_blocking = 1;
  Status status = StatusOf(ioctlsocket(socket, FIONBIO, &non_blocking));
  if (status != 0) return status;
  WSAPROTOCOL_INFOW protocol;
  status = DescribeProtocol(socket, protocol);
  if (status == 0) status = FindCalls(socket, protocol, calls);
  if (status != 0 || raw) return status;
  // Dual-stack, which Windows is not by itself; IPv4 options fail before.
  if (family == kIPv6) SetNativeOption(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  Switch(socket, SIO_UDP_CONNRESET, false);
  Switch(socket, SIO_UDP_NETRESET, false);
  return 0;
}

}  // namespace

Status OpenSocket(Family family, bool raw, int protocol, SocketState& state) {
  const SOCKET socket =
      WSASocketW(family == kIPv4 ? AF_INET : AF_INET6, raw ? SOCK_RAW : SOCK_DGRAM,
                 raw ? protocol : IPPROTO_UDP, nullptr, 0, kSocketFlags);
  if (socket == INVALID_SOCKET) return -WSAGetLastError();
  const Status status = Configure(socket, family, raw, state.calls);
  if (status != 0) {
    closesocket(socket);
    return status;
  }
  state.descriptor = socket;
  state.family = family;
  state.raw = raw;
  state.owned = true;
  state.segmentation = KnowsSegmentation(raw);
  return 0;
}

Status BorrowSocket(Descriptor descriptor, SocketState& state) {
  WSAPROTOCOL_INFOW protocol;
  Status status = DescribeProtocol(descriptor, protocol);
  if (status != 0) return status;
  if (protocol.iSocketType != SOCK_DGRAM && protocol.iSocketType != SOCK_RAW) return kNotSupported;
  if (protocol.iAddressFamily != AF_INET && protocol.iAddressFamily != AF_INET6) {
    return kOtherFamily;
  }
  status = FindCalls(descriptor, protocol, state.calls);
  if (status != 0) return status;
  state.descriptor = descriptor;
  state.family = protocol.iAddressFamily == AF_INET ? kIPv4 : kIPv6;
  state.raw = protocol.iSocketType == SOCK_RAW;
  state.owned = false;
  state.segmentation = KnowsSegmentation(state.raw);
  return 0;
}

Status TakeOver(SocketState& state) {
  u_long non_blocking = 1;
  const Status status = StatusOf(ioctlsocket(state.descriptor, FIONBIO, &non_blocking));
  if (status != 0) return status;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a SOCKET is a HANDLE
  SetHandleInformation(reinterpret_cast<HANDLE>(state.descriptor), HANDLE_FLAG_INHERIT, 0);
  state.owned = true;
  if (state.raw) return 0;
  Address peer;
  Switch(state.descriptor, SIO_UDP_CONNRESET, RemoteAddress(state, peer) == 0);
  Switch(state.descriptor, SIO_UDP_NETRESET, false);
  return 0;
}

Status NoteOption(Descriptor descriptor, int level, int name, OptionJournal& journal) {
  FormerOption former = {level, name, 0};
  const Status status = GetNativeOption(descriptor, level, name, former.value);
  if (status == 0 && !journal.Add(former)) return kNoBufferSpace;
  return status;
}

void RestoreOption(Descriptor descriptor, const FormerOption& former) {
  SetNativeOption(descriptor, former.level, former.name, former.value);
}

Status CloseDescriptor(Descriptor descriptor) { return StatusOf(closesocket(descriptor)); }

// A SOCKET number has nothing behind it that is never used again.
uint64_t IdentityOf(Descriptor descriptor) { return FingerprintOf(descriptor); }

// What Node's os.networkInterfaces() calls them, or the names of if_nametoindex, which does not say
// why it fails.
Status InterfaceIndex(const char* name, uint32_t& index) {
  wchar_t alias[NDIS_IF_MAX_STRING_SIZE + 1];
  if (MultiByteToWideChar(CP_UTF8, 0, name, -1, alias, NDIS_IF_MAX_STRING_SIZE + 1) > 0) {
    NET_LUID luid;
    NET_IFINDEX found;
    NETIO_STATUS status = ConvertInterfaceAliasToLuid(alias, &luid);
    if (status == NO_ERROR) status = ConvertInterfaceLuidToIndex(&luid, &found);
    if (status == NO_ERROR) {
      index = found;
      return 0;
    }
    if (status == ERROR_NOT_ENOUGH_MEMORY) return -WSA_NOT_ENOUGH_MEMORY;
  }
  index = if_nametoindex(name);
  return 0;
}

Status Connect(const SocketState& state, const Address& address) {
  SocketAddress name;
  const socklen_t length = Encode(state.family, address, name);
  if (length == 0) return kOtherFamily;
  const Status status = StatusOf(connect(state.descriptor, &name.any, length));
  if (status == 0 && state.owned && !state.raw) Switch(state.descriptor, SIO_UDP_CONNRESET, true);
  return status;
}

Status Disconnect(const SocketState& state) {
  sockaddr name = {};
  name.sa_family = AF_UNSPEC;
  if (state.owned && !state.raw) Switch(state.descriptor, SIO_UDP_CONNRESET, false);
  return StatusOf(connect(state.descriptor, &name, sizeof name));
}

bool WaitReadable(Descriptor descriptor, int milliseconds) {
  WSAPOLLFD watched = {descriptor, POLLRDNORM, 0};
  return WSAPoll(&watched, 1, milliseconds) > 0;
}

Status DuplicateForWatching(Descriptor descriptor, Descriptor& duplicate) {
  WSAPROTOCOL_INFOW protocol;
  const Status status = StatusOf(WSADuplicateSocketW(descriptor, GetCurrentProcessId(), &protocol));
  if (status != 0) return status;
  duplicate = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &protocol, 0,
                         kSocketFlags);
  return duplicate == INVALID_SOCKET ? -WSAGetLastError() : 0;
}

int WatchInit(uv_loop_t* loop, uv_poll_t* handle, Descriptor descriptor, bool) {
  return uv_poll_init_socket(loop, handle, descriptor);
}

}  // namespace datagram
