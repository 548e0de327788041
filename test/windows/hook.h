// What the parts of the hook share.
#define _WIN32_WINNT 0x0A00
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <mswsock.h>

#include "arena.h"

#define ARENA ((struct slot*)ARENA_ADDRESS)

// Newer than the headers that this is built with (ws2ipdef.h, mstcpip.h).
#define EXPLICIT_CONGESTION 50                 // IP_ECN, IPV6_ECN, and the options IP_RECVECN, IPV6_RECVECN
#define SEND_MSG_SIZE 2                        // UDP_SEND_MSG_SIZE
#define RECV_MAX_COALESCED 3                   // UDP_RECV_MAX_COALESCED_SIZE
#define COALESCED_INFO 3                       // UDP_COALESCED_INFO
#define RECEIVE_CLASS 40                       // the options IP_RECVTOS, IPV6_RECVTCLASS
#define UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)  // SIO_UDP_CONNRESET
#define UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)   // SIO_UDP_NETRESET

// What was called, and what became of it.
struct counters {
  LONG calls;
  LONG with_control;
  LONG refused;
  LONG overlapped;
  LONG pending;     // of those: WSA_IO_PENDING
  LONG immediate;   // of those: completed at once
  LONG trains;      // with UDP_SEND_MSG_SIZE
  LONG coalescing;  // UDP_RECV_MAX_COALESCED_SIZE was set
  LONG connection_resets_on, connection_resets_off;
  LONG network_resets_off;
};
extern struct counters counters;

struct slot* take_slot(void);

// --- hook_send.c
int WSAAPI send_message(SOCKET socket, LPWSAMSG message, DWORD flags, LPDWORD sent, LPWSAOVERLAPPED overlapped,
                        LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

enum fault_place { ANY_CALL, WITHOUT_OVERLAPPED, WITH_OVERLAPPED, AT_COMPLETION };
// After `after` calls in that place the next `count` fail.
void inject_fault(int error, LONG count, LONG after, enum fault_place place);
// Percent of the calls that have no room, and of the overlapped ones that wait.
void inject_at_random(LONG would_block, LONG pending, LONG seed);
// Sockets that send overlapped find no room, and have none until they are closed.
void keep_full(int on);
// To Wine, without a check; 0 or the error.
int hand_over(SOCKET socket, const WSAMSG* message, DWORD flags, LPDWORD sent, LPWSAOVERLAPPED overlapped,
              LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

// --- hook_hold.c
// Overlapped operations that start from now on stay pending, until it is off.
void hold_operations(int on);
// Whether it is held, and with it all that `message` points to.
int hold_operation(SOCKET socket, const WSAMSG* message, DWORD flags, LPWSAOVERLAPPED overlapped);
BOOL WINAPI cancel_operation(HANDLE file, LPOVERLAPPED overlapped);

// --- hook_receive.c
int WSAAPI receive_message(SOCKET socket, LPWSAMSG message, LPDWORD received, LPWSAOVERLAPPED overlapped,
                           LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);
extern LPFN_WSARECVMSG wine_receive;

// What the next message shall be told with.
struct receive_change {
  int error;      // that the call fails with; WSAEMSGSIZE beside a message, any other in its place
  DWORD flags;    // of WSAMSG, beside those that are there
  int has_bytes;  // whether `bytes` is told in place of the size of the data
  DWORD bytes;
  int has_control;
  DWORD control_told;  // Control.len
  DWORD control_size;
  unsigned char control[1024];
};
// 0 where there is no room for it.
int change_received(const struct receive_change* change);

// --- hook_options.c
int ecn_alone(void);
int WSAAPI get_option(SOCKET socket, int level, int option, char* value, int* length);
int WSAAPI set_option(SOCKET socket, int level, int option, const char* value, int length);
int WSAAPI control_socket(SOCKET socket, DWORD code, LPVOID in, DWORD in_size, LPVOID out, DWORD out_size,
                          LPDWORD returned, LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine);

// --- patch.c
// Modules that are loaded from now on get `target` for an exported function; those that have it already keep it.
int replace_export(HMODULE module, const char* wanted, const void* target);
