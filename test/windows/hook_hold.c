// Overlapped operations that stay pending for as long as a test wants: they are kept here, and handed to Wine when the
// test lets go of them. Data, name and control data are read then, as a kernel does that gets to them late.
#include "hook.h"

#include <string.h>

#define MOST_HELD 512
#define MOST_BUFFERS 8
#define CANCELLED 0xC0000120u     // STATUS_CANCELLED
#define UNSUCCESSFUL 0xC0000001u  // STATUS_UNSUCCESSFUL

struct held {
  SOCKET socket;
  WSAMSG message;
  WSABUF buffers[MOST_BUFFERS];
  DWORD flags;
  LPWSAOVERLAPPED overlapped;
};

static SRWLOCK lock = SRWLOCK_INIT;
static struct held operations[MOST_HELD];
static size_t operation_count;
static int holds;

int hold_operation(SOCKET socket, const WSAMSG* message, DWORD flags, LPWSAOVERLAPPED overlapped) {
  int held;
  AcquireSRWLockExclusive(&lock);
  held = holds && operation_count < MOST_HELD && message->dwBufferCount <= MOST_BUFFERS;
  if (held) {
    struct held* operation = &operations[operation_count++];
    operation->socket = socket;
    operation->message = *message;
    memcpy(operation->buffers, message->lpBuffers, message->dwBufferCount * sizeof *message->lpBuffers);
    operation->flags = flags;
    operation->overlapped = overlapped;
    overlapped->Internal = STATUS_PENDING;
  }
  ReleaseSRWLockExclusive(&lock);
  return held;
}

static void complete(LPWSAOVERLAPPED overlapped, ULONG_PTR status) {
  const HANDLE event = (HANDLE)((ULONG_PTR)overlapped->hEvent & ~(ULONG_PTR)1);
  overlapped->InternalHigh = 0;
  overlapped->Internal = status;
  SetEvent(event);
}

// The first operation that is held, or that with `overlapped`.
static int take(LPWSAOVERLAPPED overlapped, struct held* taken) {
  size_t index = 0;
  int found;
  AcquireSRWLockExclusive(&lock);
  while (index < operation_count && overlapped != NULL && operations[index].overlapped != overlapped) index++;
  found = index < operation_count;
  if (found) {
    *taken = operations[index];
    memmove(&operations[index], &operations[index + 1], (--operation_count - index) * sizeof *operations);
  }
  ReleaseSRWLockExclusive(&lock);
  return found;
}

void hold_operations(int on) {
  struct held operation;
  AcquireSRWLockExclusive(&lock);
  holds = on;
  ReleaseSRWLockExclusive(&lock);
  while (!on && take(NULL, &operation)) {
    operation.message.lpBuffers = operation.buffers;
    const int error =
        hand_over(operation.socket, &operation.message, operation.flags, NULL, operation.overlapped, NULL);
    if (error != 0 && error != WSA_IO_PENDING) complete(operation.overlapped, UNSUCCESSFUL);
  }
}

BOOL WINAPI cancel_operation(HANDLE file, LPOVERLAPPED overlapped) {
  struct held operation;
  if (overlapped == NULL || !take(overlapped, &operation)) return CancelIoEx(file, overlapped);
  complete(overlapped, CANCELLED);
  return TRUE;
}
