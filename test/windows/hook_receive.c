// WSARecvMsg: Wine's own, which tells of pktinfo, hop limit and traffic class. Here it learns to tell of trains, of the
// ECN half alone, and of whatever a test says that the next messages come with.
//
// https://learn.microsoft.com/windows/win32/api/mswsock/nc-mswsock-lpfn_wsarecvmsg
#include "hook.h"

#include <string.h>

#define MOST_BUFFERS 16
#define MOST_CHANGES 64

LPFN_WSARECVMSG wine_receive;

// Tests receive on one thread.
static struct receive_change changes[MOST_CHANGES];
static size_t first_change, change_count;

int change_received(const struct receive_change* change) {
  if (change_count == MOST_CHANGES) return 0;
  changes[(first_change + change_count++) % MOST_CHANGES] = *change;
  return 1;
}

static const struct receive_change* next_change(void) { return change_count > 0 ? &changes[first_change] : NULL; }

static void forget_change(void) {
  first_change = (first_change + 1) % MOST_CHANGES;
  change_count--;
}

static int fail(int error) {
  WSASetLastError(error);
  return SOCKET_ERROR;
}

// Appends a control message; where it does not fit it is left out, with MSG_CTRUNC.
static void append(WSAMSG* message, ULONG room, int level, int type, const void* data, size_t size) {
  const struct control_header header = {sizeof header + size, level, type};
  const uint64_t start = CONTROL_SPACE(message->Control.len);
  if (start + CONTROL_SPACE(header.length) > room) {
    message->dwFlags |= MSG_CTRUNC;
    return;
  }
  memcpy(message->Control.buf + start, &header, sizeof header);
  memcpy(message->Control.buf + start + sizeof header, data, size);
  message->Control.len = (ULONG)(start + CONTROL_SPACE(header.length));
}

static void leave_ecn(WSAMSG* message) {
  uint64_t at = 0;
  while (at + sizeof(struct control_header) <= message->Control.len) {
    struct control_header header;
    char* bytes = message->Control.buf + at;
    memcpy(&header, bytes, sizeof header);
    if ((header.level == IPPROTO_IP && header.type == IP_TOS) ||
        (header.level == IPPROTO_IPV6 && header.type == IPV6_TCLASS)) {
      header.type = EXPLICIT_CONGESTION;
      memcpy(bytes, &header, sizeof header);
      bytes[sizeof header] &= 3;
    }
    at += CONTROL_SPACE(header.length);
  }
}

static int apply(const struct receive_change* change, WSAMSG* message, ULONG room, DWORD* received) {
  message->dwFlags |= change->flags;
  if (change->has_bytes) *received = change->bytes;
  if (change->has_control) {
    memcpy(message->Control.buf, change->control, change->control_size < room ? change->control_size : room);
    message->Control.len = change->control_told;
  }
  return change->error == 0 ? 0 : fail(change->error);
}

int WSAAPI receive_message(SOCKET socket, LPWSAMSG message, LPDWORD received, LPWSAOVERLAPPED overlapped,
                           LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  const struct receive_change* change = next_change();
  WSABUF buffers[MOST_BUFFERS + 1];
  WSABUF* const given = message->lpBuffers;
  const ULONG room = message->Control.len;
  struct slot* slot;
  int status, error;
  if (overlapped != NULL || message->dwBufferCount > MOST_BUFFERS) {
    return wine_receive(socket, message, received, overlapped, routine);
  }
  if (change != NULL && change->error != 0 && change->error != WSAEMSGSIZE) {
    error = change->error;
    forget_change();
    return fail(error);
  }
  slot = take_slot();
  slot->segment_size = 0;
  memcpy(buffers, given, message->dwBufferCount * sizeof *buffers);
  buffers[message->dwBufferCount].len = 0;
  buffers[message->dwBufferCount].buf = (char*)slot;
  message->lpBuffers = buffers;
  message->dwBufferCount++;
  status = wine_receive(socket, message, received, NULL, NULL);
  error = status == 0 ? 0 : WSAGetLastError();
  message->lpBuffers = given;
  message->dwBufferCount--;
  if (error != 0 && error != WSAEMSGSIZE) return fail(error);
  if (error == 0 && slot->segment_size > 0) {
    append(message, room, IPPROTO_UDP, COALESCED_INFO, &slot->segment_size, sizeof(DWORD));
  }
  if (error == 0 && ecn_alone()) leave_ecn(message);
  if (change != NULL) {
    status = apply(change, message, room, received);
    forget_change();
    return status;
  }
  return error == 0 ? 0 : fail(error);
}
