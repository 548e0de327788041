// Options and controls that Windows has and Wine has not, and where the library finds WSASendMsg and WSARecvMsg.
// SENDMSG_HOOK_ECN=1 models a Windows that knows the ECN half of the traffic class alone.
#include "hook.h"

#include <string.h>

int ecn_alone(void) {
  static int known = -1;
  if (known < 0) known = GetEnvironmentVariableW(L"SENDMSG_HOOK_ECN", NULL, 0) > 0;
  return known;
}

static int is_ip(int level) { return level == IPPROTO_IP || level == IPPROTO_IPV6; }

// Known to Windows; that it is set makes no difference here.
static int is_only_known(int level, int option) {
  if (level == IPPROTO_UDP) return option == SEND_MSG_SIZE;
  return level == IPPROTO_IPV6 && option == IPV6_TCLASS && !ecn_alone();
}

static int is_coalescing(int level, int option) { return level == IPPROTO_UDP && option == RECV_MAX_COALESCED; }
static int is_receive_ecn(int level, int option) {
  return is_ip(level) && option == EXPLICIT_CONGESTION && ecn_alone();
}
static int is_missing(int level, int option) {
  if (!ecn_alone()) return 0;
  return (level == IPPROTO_IPV6 && option == IPV6_TCLASS) || (is_ip(level) && option == RECEIVE_CLASS);
}

static int refuse(void) {
  WSASetLastError(WSAENOPROTOOPT);
  return SOCKET_ERROR;
}

int WSAAPI get_option(SOCKET socket, int level, int option, char* value, int* length) {
  if (is_missing(level, option)) return refuse();
  if (!is_only_known(level, option) && !is_coalescing(level, option) && !is_receive_ecn(level, option)) {
    return getsockopt(socket, level, option, value, length);
  }
  memset(value, 0, sizeof(DWORD));
  *length = sizeof(DWORD);
  return 0;
}

int WSAAPI set_option(SOCKET socket, int level, int option, const char* value, int length) {
  if (is_missing(level, option)) return refuse();
  if (is_only_known(level, option)) return 0;
  // Wine tells the whole octet; hook_receive.c leaves the half of it.
  if (is_receive_ecn(level, option)) return setsockopt(socket, level, RECEIVE_CLASS, value, length);
  if (is_coalescing(level, option)) {
    DWORD most;
    DWORD coalesce;
    memcpy(&most, value, sizeof most);
    if (most > 0) InterlockedIncrement(&counters.coalescing);
    coalesce = most > 0 ? COALESCE_ON : COALESCE_OFF;
    return setsockopt(socket, IPPROTO_IP, IP_TTL, (const char*)&coalesce, sizeof coalesce);
  }
  return setsockopt(socket, level, option, value, length);
}

static void count_switch(DWORD code, const void* value) {
  BOOL on;
  memcpy(&on, value, sizeof on);
  if (code == UDP_CONNRESET)
    InterlockedIncrement(on ? &counters.connection_resets_on : &counters.connection_resets_off);
  if (code == UDP_NETRESET && !on) InterlockedIncrement(&counters.network_resets_off);
}

int WSAAPI control_socket(SOCKET socket, DWORD code, LPVOID in, DWORD in_size, LPVOID out, DWORD out_size,
                          LPDWORD returned, LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  static const GUID send_id = WSAID_WSASENDMSG;
  static const GUID receive_id = WSAID_WSARECVMSG;
  const int status = WSAIoctl(socket, code, in, in_size, out, out_size, returned, overlapped, routine);
  if ((code == UDP_CONNRESET || code == UDP_NETRESET) && in_size >= sizeof(BOOL)) count_switch(code, in);
  if (status == 0 && code == SIO_GET_EXTENSION_FUNCTION_POINTER && in_size == sizeof(GUID) &&
      out_size == sizeof(void*)) {
    if (memcmp(in, &send_id, sizeof(GUID)) == 0) {
      *(LPFN_WSASENDMSG*)out = send_message;
    } else if (memcmp(in, &receive_id, sizeof(GUID)) == 0) {
      wine_receive = *(LPFN_WSARECVMSG*)out;
      *(LPFN_WSARECVMSG*)out = receive_message;
    }
  }
  return status;
}
