// The Windows side of the hook: an addon that replaces ws2_32's WSASendMsg in memory by a model of what Microsoft's pages
// say of it, and hands the control data on to Wine's Unix side (arena.h, control_send.c). It is a model that this project
// wrote: it shows what the library asks of Windows, not that Windows does it.
//
// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsasendmsg
#define _WIN32_WINNT 0x0A00
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <mswsock.h>
#include <node_api.h>
#include <string.h>

#include "arena.h"

#define SEND_MSG_SIZE 2  // UDP_SEND_MSG_SIZE
#define EXPLICIT_CONGESTION 50  // IP_ECN, IPV6_ECN

#define ARENA ((struct slot*)ARENA_ADDRESS)
#define MOST_BUFFERS 2048

static LONG next_slot, calls, with_control, overlapped_calls, refused;
// Faults, set by inject().
static LONG fail_count, fail_error, would_block_percent, pending_percent, keep_full;
static volatile LONG random_state = 1;

static int fail(int error) {
  InterlockedIncrement(&refused);
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

// What the pages list as control data for sending, with the size of its payload; 0: not listed.
static uint64_t listed_size(int level, int type) {
  switch (level) {
    case IPPROTO_IP:
      if (type == IP_PKTINFO) return sizeof(struct in_pktinfo);
      return type == IP_TOS || type == EXPLICIT_CONGESTION ? sizeof(INT) : 0;
    case IPPROTO_IPV6:
      if (type == IPV6_PKTINFO) return sizeof(struct in6_pktinfo);
      return type == IPV6_TCLASS || type == EXPLICIT_CONGESTION || type == IPV6_HOPLIMIT ? sizeof(INT) : 0;
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

static int WSAAPI send_message(SOCKET socket, LPWSAMSG message, DWORD flags, LPDWORD sent, LPWSAOVERLAPPED overlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  WSABUF buffers[MOST_BUFFERS + 1];
  struct slot* slot;
  int error;
  InterlockedIncrement(&calls);
  if (overlapped != NULL) InterlockedIncrement(&overlapped_calls);
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

  if (fail_count > 0 && InterlockedDecrement(&fail_count) >= 0) return fail(fail_error);
  if (overlapped == NULL && chance(would_block_percent)) {
    WSASetLastError(WSAEWOULDBLOCK);
    return SOCKET_ERROR;
  }
  if (message->Control.len > 0) InterlockedIncrement(&with_control);
  slot = ARENA + (uint32_t)InterlockedIncrement(&next_slot) % SLOT_COUNT;
  slot->magic = ARENA_MAGIC;
  slot->fault = overlapped != NULL && (keep_full || chance(pending_percent)) ? 11 /* EAGAIN */ : 0;
  slot->full = overlapped != NULL && keep_full;
  slot->length = message->Control.len;
  if (message->Control.len > 0) memcpy(slot->control, message->Control.buf, message->Control.len);
  memcpy(buffers, message->lpBuffers, message->dwBufferCount * sizeof *buffers);
  buffers[message->dwBufferCount].len = 0;
  buffers[message->dwBufferCount].buf = (char*)slot;
  return WSASendTo(socket, buffers, message->dwBufferCount + 1, sent, flags & ~(DWORD)MSG_PARTIAL, message->name,
                   message->namelen, overlapped, routine);
}

// Options that Windows has and Wine has not. SENDMSG_HOOK_ECN=1 models a Windows that sends the ECN half alone.
static int has_option(int level, int option) {
  static int ecn_alone = -1;
  if (ecn_alone < 0) ecn_alone = GetEnvironmentVariableW(L"SENDMSG_HOOK_ECN", NULL, 0) > 0;
  if (level == IPPROTO_UDP) return option == SEND_MSG_SIZE;
  if (level == IPPROTO_IPV6 && option == IPV6_TCLASS) return !ecn_alone;
  return (level == IPPROTO_IP || level == IPPROTO_IPV6) && option == EXPLICIT_CONGESTION && ecn_alone;
}

static int WSAAPI get_option(SOCKET socket, int level, int option, char* value, int* length) {
  if (!has_option(level, option)) return getsockopt(socket, level, option, value, length);
  memset(value, 0, sizeof(DWORD));
  *length = sizeof(DWORD);
  return 0;
}

static int WSAAPI set_option(SOCKET socket, int level, int option, const char* value, int length) {
  return has_option(level, option) ? 0 : setsockopt(socket, level, option, value, length);
}

#define JUMP_SIZE 12

// mov rax, target; jmp rax
static void write_jump(unsigned char* at, const void* target) {
  static const unsigned char jump[JUMP_SIZE] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
  memcpy(at, jump, sizeof jump);
  memcpy(at + 2, &target, sizeof target);
}

static int replace_function(unsigned char* function, const void* target) {
  DWORD before;
  if (!VirtualProtect(function, JUMP_SIZE, PAGE_EXECUTE_READWRITE, &before)) return 0;
  write_jump(function, target);
  VirtualProtect(function, JUMP_SIZE, before, &before);
  return FlushInstructionCache(GetCurrentProcess(), function, JUMP_SIZE);
}

// Memory behind a module that its export table can point to.
static unsigned char* room_behind(unsigned char* base) {
  unsigned char* at;
  for (at = base + 0x100000; at < base + 0x70000000; at += 0x10000) {
    unsigned char* room = VirtualAlloc(at, 0x1000, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    if (room != NULL) return room;
  }
  return NULL;
}

// Modules that are loaded from now on get `target` for an exported function; those that have it already keep it.
static int replace_export(HMODULE module, const char* wanted, const void* target) {
  unsigned char* base = (unsigned char*)module;
  const IMAGE_NT_HEADERS* headers = (const IMAGE_NT_HEADERS*)(base + ((const IMAGE_DOS_HEADER*)base)->e_lfanew);
  const IMAGE_EXPORT_DIRECTORY* table =
      (const IMAGE_EXPORT_DIRECTORY*)(base + headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress);
  const DWORD* names = (const DWORD*)(base + table->AddressOfNames);
  const WORD* ordinals = (const WORD*)(base + table->AddressOfNameOrdinals);
  DWORD* functions = (DWORD*)(base + table->AddressOfFunctions);
  DWORD index, before;
  for (index = 0; index < table->NumberOfNames; index++) {
    unsigned char* room;
    DWORD* entry;
    if (strcmp((const char*)base + names[index], wanted) != 0) continue;
    room = room_behind(base);
    if (room == NULL) return 0;
    write_jump(room, target);
    entry = &functions[ordinals[index]];
    if (!VirtualProtect(entry, sizeof *entry, PAGE_READWRITE, &before)) return 0;
    *entry = (DWORD)(room - base);
    return VirtualProtect(entry, sizeof *entry, before, &before);
  }
  return 0;
}

static const char* install(void) {
  GUID id = WSAID_WSASENDMSG;
  unsigned char* function = NULL;
  DWORD length;
  WSADATA data;
  SOCKET socket_;
  HMODULE winsock = GetModuleHandleW(L"ws2_32.dll");
  WSAStartup(MAKEWORD(2, 2), &data);
  socket_ = socket(AF_INET, SOCK_DGRAM, 0);
  WSAIoctl(socket_, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function, sizeof function, &length, NULL, NULL);
  closesocket(socket_);
  if (function == NULL) return "no WSASendMsg";
  if (!VirtualAlloc(ARENA, (SIZE_T)SLOT_SIZE * SLOT_COUNT, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)) return "no arena";
  if (!replace_export(winsock, "getsockopt", (const void*)get_option)) return "getsockopt was not replaced";
  if (!replace_export(winsock, "setsockopt", (const void*)set_option)) return "setsockopt was not replaced";
  return replace_function(function, (const void*)send_message) ? NULL : "WSASendMsg was not replaced";
}

static void set_number(napi_env env, napi_value object, const char* name, LONG number) {
  napi_value value;
  napi_create_int32(env, number, &value);
  napi_set_named_property(env, object, name, value);
}

// GetProcessHandleCount is 0 under Wine.
static LONG open_handles(void) {
  LONG count = 0;
  for (ULONG_PTR handle = 4; handle < 0x10000; handle += 4) {
    DWORD flags;
    if (GetHandleInformation((HANDLE)handle, &flags)) count++;
  }
  return count;
}

static napi_value counts(napi_env env, napi_callback_info info) {
  napi_value object;
  (void)info;
  napi_create_object(env, &object);
  set_number(env, object, "handles", open_handles());
  set_number(env, object, "calls", calls);
  set_number(env, object, "withControl", with_control);
  set_number(env, object, "overlapped", overlapped_calls);
  set_number(env, object, "refused", refused);
  return object;
}

// inject(error, count): the next `count` calls fail at once with a Winsock error.
// injectAtRandom(wouldBlock, pending, seed): percent of the calls that have no room, and of the overlapped ones that wait.
static napi_value inject(napi_env env, napi_callback_info info) {
  napi_value given[2];
  int32_t values[2] = {0, 0};
  size_t count = 2;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  for (size_t index = 0; index < count; index++) napi_get_value_int32(env, given[index], &values[index]);
  fail_error = values[0];
  fail_count = values[1];
  return NULL;
}

static napi_value inject_at_random(napi_env env, napi_callback_info info) {
  napi_value given[3];
  int32_t values[3] = {0, 0, 1};
  size_t count = 3;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  for (size_t index = 0; index < count; index++) napi_get_value_int32(env, given[index], &values[index]);
  would_block_percent = values[0];
  pending_percent = values[1];
  random_state = values[2];
  return NULL;
}

// keepFull(on): a socket that sends overlapped finds no room, and has none until it is closed.
static napi_value set_keep_full(napi_env env, napi_callback_info info) {
  napi_value given;
  bool on = false;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &given, NULL, NULL);
  napi_get_value_bool(env, given, &on);
  keep_full = on;
  return NULL;
}

static void set_function(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  static LONG installed;
  if (InterlockedExchange(&installed, 1) == 0) {
    const char* problem = install();
    if (problem != NULL) napi_throw_error(env, NULL, problem);
  }
  set_function(env, exports, "counts", counts);
  set_function(env, exports, "inject", inject);
  set_function(env, exports, "injectAtRandom", inject_at_random);
  set_function(env, exports, "keepFull", set_keep_full);
  return exports;
}
