// Sockets: how they are opened, borrowed, connected and watched.
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "address.h"
#include "kernel.h"

namespace datagram {
namespace {

void WidenSendBuffer(Descriptor descriptor) {
  int size = 0;
  socklen_t length = sizeof size;
  if (getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, &length) < 0) return;
  if (size >= kKernel.min_send_buffer) return;
  size = kKernel.min_send_buffer;
  setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

Status MakeOwn(Descriptor descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
  const Status status = StatusOf(fcntl(descriptor, F_SETFD, FD_CLOEXEC));
  if (status != 0) fcntl(descriptor, F_SETFL, flags);
  return status;
}

}  // namespace

Status OpenSocket(Family family, bool raw, int protocol, SocketState& state) {
  int type = raw ? SOCK_RAW : SOCK_DGRAM;
#ifdef SOCK_CLOEXEC
  type |= SOCK_CLOEXEC | SOCK_NONBLOCK;
#endif
  const int descriptor = socket(family == kIPv4 ? AF_INET : AF_INET6, type, protocol);
  if (descriptor < 0) return -errno;
#ifndef SOCK_CLOEXEC
  MakeOwn(descriptor);
#endif
  state.descriptor = descriptor;
  state.family = family;
  state.raw = raw;
  state.owned = true;
  state.segmentation = KnowsSegmentation(raw);
  if (kKernel.min_send_buffer > 0) WidenSendBuffer(descriptor);
  return 0;
}

Status BorrowSocket(Descriptor descriptor, SocketState& state) {
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return -errno;
  if (type != SOCK_DGRAM && type != SOCK_RAW) return -EOPNOTSUPP;
  SocketAddress name = {};
  length = sizeof name;
  if (getsockname(descriptor, &name.any, &length) < 0) return -errno;
  if (name.any.sa_family != AF_INET && name.any.sa_family != AF_INET6) return -EAFNOSUPPORT;
  state.descriptor = descriptor;
  state.family = name.any.sa_family == AF_INET ? kIPv4 : kIPv6;
  state.raw = type == SOCK_RAW;
  state.owned = false;
  state.segmentation = KnowsSegmentation(state.raw);
  return 0;
}

Status TakeOver(SocketState& state) {
  const Status status = MakeOwn(state.descriptor);
  if (status != 0) return status;
  state.owned = true;
  if (kKernel.min_send_buffer > 0) WidenSendBuffer(state.descriptor);
  return 0;
}

Status NoteOption(Descriptor descriptor, int level, int name, OptionJournal& journal) {
  FormerOption former = {level, name, 0};
  const Status status = GetNativeOption(descriptor, level, name, former.value);
  if (status != 0) return status;
#ifdef SO_TIMESTAMPNS
  // The two exclude each other: what turns one on or off turns the other off. Put back last.
  if (level == SOL_SOCKET && name == SO_TIMESTAMPNS) {
    FormerOption other = {level, SO_TIMESTAMP, 0};
    if (GetNativeOption(descriptor, level, other.name, other.value) == 0 && other.value != 0) {
      journal.Add(other);
    }
  }
#endif
  return journal.Add(former) ? 0 : kNoBufferSpace;
}

void RestoreOption(Descriptor descriptor, const FormerOption& former) {
  int value = former.value;
#ifdef __linux__
  // Linux reports twice the value that was set (socket(7)), and only the privileged form exceeds
  // the system's maximum.
  if (former.level == SOL_SOCKET && (former.name == SO_RCVBUF || former.name == SO_SNDBUF)) {
    value /= 2;
    const int forced = former.name == SO_RCVBUF ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;
    if (SetNativeOption(descriptor, SOL_SOCKET, forced, value) == 0) return;
  }
#endif
  SetNativeOption(descriptor, former.level, former.name, value);
}

Status CloseDescriptor(Descriptor descriptor) { return StatusOf(close(descriptor)); }

uint64_t IdentityOf(Descriptor descriptor) {
  struct stat information;
  if (fstat(descriptor, &information) != 0 || !S_ISSOCK(information.st_mode)) return 0;
  // macOS and FreeBSD number no sockets (bsd/kern/sys_socket.c, soo_stat).
  return information.st_ino != 0 ? information.st_ino : FingerprintOf(descriptor);
}

Status InterfaceIndex(const char* name, uint32_t& index) {
  errno = 0;
  index = if_nametoindex(name);
  // Linux says ENODEV of a name that no interface has, the others ENXIO (if_nametoindex(3)).
  if (index != 0 || errno == 0 || errno == ENODEV || errno == ENXIO) return 0;
  const Status status = -errno;
  // It opens a socket. Where glibc could not it goes on to others, and leaves the error of the last
  // (sysdeps/unix/sysv/linux/opensock.c).
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (descriptor < 0) return -errno;
  close(descriptor);
  return status;
}

Status Connect(const SocketState& state, const Address& address) {
  SocketAddress name;
  const socklen_t length = Encode(state.family, address, name);
  if (length == 0) return -EAFNOSUPPORT;
  int result;
  do {
    result = connect(state.descriptor, &name.any, length);
  } while (result < 0 && errno == EINTR);
  return StatusOf(result);
}

Status Disconnect(const SocketState& state) {
  sockaddr name = {};
  name.sa_family = AF_UNSPEC;
  // The BSDs dissolve the association and still say EAFNOSUPPORT or EINVAL (connect(2)).
  const int result = connect(state.descriptor, &name, sizeof name);
  if (result < 0 && (errno == EAFNOSUPPORT || errno == EINVAL)) {
    SocketAddress peer;
    socklen_t length = sizeof peer;
    if (getpeername(state.descriptor, &peer.any, &length) < 0) return 0;
    return -EINVAL;
  }
  return StatusOf(result);
}

bool WaitReadable(Descriptor descriptor, int milliseconds) {
  pollfd watched = {descriptor, POLLIN, 0};
  return poll(&watched, 1, milliseconds) > 0;
}

Status DuplicateForWatching(Descriptor descriptor, Descriptor& duplicate) {
  duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  return duplicate < 0 ? -errno : 0;
}

int WatchInit(uv_loop_t* loop, uv_poll_t* handle, Descriptor descriptor, bool owned) {
  const int flags = owned ? 0 : fcntl(descriptor, F_GETFL);
  const int result = uv_poll_init_socket(loop, handle, descriptor);
  // libuv sets O_NONBLOCK, which belongs to the description and so to its owner.
  if (!owned && flags >= 0 && !(flags & O_NONBLOCK)) fcntl(descriptor, F_SETFL, flags);
  return result;
}

}  // namespace datagram
