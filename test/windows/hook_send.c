// WSASendMsg: a model of what Microsoft's pages say of it, which hands the control data on to Wine's Unix side
// (arena.h, control_send.c), and the faults that tests ask for.
//
// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsasendmsg
#include "hook.h"

#include <string.h>

#define MOST_BUFFERS 2048

static LONG would_block_percent, pending_percent;
static volatile LONG random_state = 1;
static int full;
static struct {
  int error;
  LONG count;
  LONG after;
  enum fault_place place;
} fault;

void inject_fault(int error, LONG count, LONG after, enum fault_place place) {
  fault.error = error;
  fault.count = count;
  fault.after = after;
  fault.place = place;
}

void inject_at_random(LONG would_block, LONG pending, LONG seed) {
  would_block_percent = would_block;
  pending_percent = pending;
  random_state = seed;
}

void keep_full(int on) { full = on; }

static int fail(int error) {
  InterlockedIncrement(&counters.refused);
  WSASetLastError(error);
  return SOCKET_ERROR;
}

static int chance(LONG percent) {
  LONG before, after;
  if (percent == 0) return 0;
  do {
    before = random_state;
    after = (LONG)((uint32_t)before * 1103515245u + 12345u);
  } while (InterlockedCompareExchange(&random_state, after, before) != before);
  return (LONG)(((uint32_t)after >> 16) % 100) < percent;
}

// Whether the fault that was injected is due.
static int is_due(enum fault_place place) {
  if (fault.count <= 0 || (fault.place != place && (fault.place != ANY_CALL || place == AT_COMPLETION))) return 0;
  if (fault.after > 0 && InterlockedDecrement(&fault.after) >= 0) return 0;
  return InterlockedDecrement(&fault.count) >= 0;
}

// What Wine makes of these when an operation completes is the Winsock error again.
static uint32_t unix_error(int error) {
  switch (error) {
    case WSAEMSGSIZE:
      return 90;  // EMSGSIZE
    case WSAEOPNOTSUPP:
      return 95;  // EOPNOTSUPP
    case WSAENETUNREACH:
      return 101;  // ENETUNREACH
    case WSAECONNRESET:
      return 104;  // ECONNRESET
    default:
      return 22;  // EINVAL
  }
}

// What the pages list as control data for sending, with the size of its payload; 0: not listed.
static uint64_t listed_size(int level, int type) {
  switch (level) {
    case IPPROTO_IP:
      if (type == IP_PKTINFO) return sizeof(struct in_pktinfo);
      return (type == IP_TOS && !ecn_alone()) || type == EXPLICIT_CONGESTION ? sizeof(INT) : 0;
    case IPPROTO_IPV6:
      if (type == IPV6_PKTINFO) return sizeof(struct in6_pktinfo);
      if (type == IPV6_TCLASS) return ecn_alone() ? 0 : sizeof(INT);
      return type == EXPLICIT_CONGESTION || type == IPV6_HOPLIMIT ? sizeof(INT) : 0;
    case IPPROTO_UDP:
      return type == SEND_MSG_SIZE ? sizeof(DWORD) : 0;
    default:
      return 0;
  }
}

// 4 for an IPv4 or IPv4-mapped destination, which takes in_pktinfo; 6 for any other.
static int destination_family(SOCKET socket, const WSAMSG* message) {
  SOCKADDR_INET peer;
  const SOCKADDR_INET* name = (const SOCKADDR_INET*)message->name;
  if (name == NULL) {
    int length = sizeof peer;
    if (getpeername(socket, (struct sockaddr*)&peer, &length) != 0) return 0;
    name = &peer;
  }
  if (name->si_family == AF_INET) return 4;
  return IN6_IS_ADDR_V4MAPPED(&name->Ipv6.sin6_addr) ? 4 : 6;
}

// Walks the control data as the WSA_CMSG macros lay it out; 0, or the error.
static int check_control(SOCKET socket, const WSAMSG* message) {
  const int family = destination_family(socket, message);
  uint64_t at = 0;
  while (at < message->Control.len) {
    struct control_header header;
    const char* bytes = message->Control.buf + at;
    INT value;
    if (message->Control.len - at < sizeof header) return WSAEINVAL;
    memcpy(&header, bytes, sizeof header);
    if (header.length < sizeof header || header.length > message->Control.len - at) return WSAEINVAL;
    if (header.length - sizeof header != listed_size(header.level, header.type)) return WSAEINVAL;
    memcpy(&value, bytes + sizeof header, sizeof value);
    if (header.level == IPPROTO_IP && family != 4) return WSAEINVAL;
    if (header.level == IPPROTO_IPV6 && family != 6) return WSAEINVAL;
    if (header.level != IPPROTO_UDP && header.type == EXPLICIT_CONGESTION && (value < 0 || value > 2)) return WSAEINVAL;
    at += CONTROL_SPACE(header.length);
  }
  // Exactly what is used.
  return at == message->Control.len && at <= sizeof ARENA->control ? 0 : WSAEINVAL;
}

static int is_bound(SOCKET socket) {
  SOCKADDR_INET name;
  int length = sizeof name;
  return getsockname(socket, (struct sockaddr*)&name, &length) == 0;
}

static int is_connected(SOCKET socket) {
  SOCKADDR_INET name;
  int length = sizeof name;
  return getpeername(socket, (struct sockaddr*)&name, &length) == 0;
}

static int has_train(const WSAMSG* message) {
  uint64_t at = 0;
  while (at < message->Control.len) {
    struct control_header header;
    memcpy(&header, message->Control.buf + at, sizeof header);
    if (header.level == IPPROTO_UDP && header.type == SEND_MSG_SIZE) return 1;
    at += CONTROL_SPACE(header.length);
  }
  return 0;
}

static struct slot* describe(const WSAMSG* message, int overlapped) {
  struct slot* slot = take_slot();
  slot->blocked = 0;
  slot->fault = 0;
  slot->full = overlapped && full;
  if (overlapped && is_due(AT_COMPLETION)) {
    slot->blocked = 1;
    slot->fault = unix_error(fault.error);
  } else if (overlapped && (full || chance(pending_percent))) {
    slot->blocked = 1;
  }
  slot->length = message->Control.len;
  if (message->Control.len > 0) memcpy(slot->control, message->Control.buf, message->Control.len);
  return slot;
}

int hand_over(SOCKET socket, const WSAMSG* message, DWORD flags, LPDWORD sent, LPWSAOVERLAPPED overlapped,
              LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  WSABUF buffers[MOST_BUFFERS + 1];
  memcpy(buffers, message->lpBuffers, message->dwBufferCount * sizeof *buffers);
  buffers[message->dwBufferCount].len = 0;
  buffers[message->dwBufferCount].buf = (char*)describe(message, overlapped != NULL);
  const int status = WSASendTo(socket, buffers, message->dwBufferCount + 1, sent, flags & ~(DWORD)MSG_PARTIAL,
                               message->name, message->namelen, overlapped, routine);
  return status == 0 ? 0 : WSAGetLastError();
}

int WSAAPI send_message(SOCKET socket, LPWSAMSG message, DWORD flags, LPDWORD sent, LPWSAOVERLAPPED overlapped,
                        LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  int error;
  InterlockedIncrement(&counters.calls);
  if (overlapped != NULL) InterlockedIncrement(&counters.overlapped);
  if (message == NULL) return fail(WSAEFAULT);
  if ((message->name == NULL) != (message->namelen == 0)) return fail(WSAEFAULT);
  if (message->Control.len > 0 && message->Control.buf == NULL) return fail(WSAEFAULT);
  // "Windows' networking stack doesn't like a non-NULL Control.buf when len is 0" (msquic).
  if (message->Control.len == 0 && message->Control.buf != NULL) return fail(WSAEINVAL);
  if ((flags & ~(DWORD)(MSG_DONTROUTE | MSG_PARTIAL | MSG_OOB)) != 0) return fail(WSAEOPNOTSUPP);
  if (!is_bound(socket)) return fail(WSAGetLastError() == WSAENOTSOCK ? WSAENOTSOCK : WSAEINVAL);
  if (message->name == NULL && !is_connected(socket)) return fail(WSAENOTCONN);
  error = check_control(socket, message);
  if (error != 0) return fail(error);
  if (message->dwBufferCount > MOST_BUFFERS) return fail(WSAENOBUFS);

  if (is_due(overlapped == NULL ? WITHOUT_OVERLAPPED : WITH_OVERLAPPED)) return fail(fault.error);
  if (overlapped == NULL && chance(would_block_percent)) {
    WSASetLastError(WSAEWOULDBLOCK);
    return SOCKET_ERROR;
  }
  if (message->Control.len > 0) InterlockedIncrement(&counters.with_control);
  if (has_train(message)) InterlockedIncrement(&counters.trains);
  if (overlapped != NULL && hold_operation(socket, message, flags, overlapped)) {
    error = WSA_IO_PENDING;
  } else {
    error = hand_over(socket, message, flags, sent, overlapped, routine);
  }
  if (overlapped != NULL && error == 0) InterlockedIncrement(&counters.immediate);
  if (overlapped != NULL && error == WSA_IO_PENDING) InterlockedIncrement(&counters.pending);
  WSASetLastError(error);
  return error == 0 ? 0 : SOCKET_ERROR;
}
