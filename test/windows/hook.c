// The Windows side of the hook, an addon: from now on modules that are loaded find a model of WSASendMsg and WSARecvMsg
// where they ask for them (hook_send.c, hook_receive.c), and options that Wine does not know (hook_options.c). It is a
// model that this project wrote: it shows what the library asks of Windows, not that Windows does it.
#include "hook.h"

#include <node_api.h>
#include <string.h>

struct counters counters;

struct slot* take_slot(void) {
  static LONG next;
  struct slot* slot = ARENA + (uint32_t)InterlockedIncrement(&next) % SLOT_COUNT;
  slot->magic = ARENA_MAGIC;
  return slot;
}

static const char* install(void) {
  HMODULE winsock = GetModuleHandleW(L"ws2_32.dll");
  if (!VirtualAlloc(ARENA, (SIZE_T)SLOT_SIZE * SLOT_COUNT, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)) return "no arena";
  if (!replace_export(winsock, "getsockopt", (const void*)get_option)) return "getsockopt was not replaced";
  if (!replace_export(winsock, "setsockopt", (const void*)set_option)) return "setsockopt was not replaced";
  if (!replace_export(GetModuleHandleW(L"kernel32.dll"), "CancelIoEx", (const void*)cancel_operation)) {
    return "CancelIoEx was not replaced";
  }
  return replace_export(winsock, "WSAIoctl", (const void*)control_socket) ? NULL : "WSAIoctl was not replaced";
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

static void set_number(napi_env env, napi_value object, const char* name, LONG number) {
  napi_value value;
  napi_create_int32(env, number, &value);
  napi_set_named_property(env, object, name, value);
}

static int32_t number_of(napi_env env, napi_value value) {
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

static int has_property(napi_env env, napi_value object, const char* name, napi_value* value) {
  bool has = false;
  napi_has_named_property(env, object, name, &has);
  if (has) napi_get_named_property(env, object, name, value);
  return has;
}

static napi_value counts(napi_env env, napi_callback_info info) {
  napi_value object;
  (void)info;
  napi_create_object(env, &object);
  set_number(env, object, "handles", open_handles());
  set_number(env, object, "calls", counters.calls);
  set_number(env, object, "withControl", counters.with_control);
  set_number(env, object, "refused", counters.refused);
  set_number(env, object, "overlapped", counters.overlapped);
  set_number(env, object, "pending", counters.pending);
  set_number(env, object, "immediate", counters.immediate);
  set_number(env, object, "trains", counters.trains);
  set_number(env, object, "coalescing", counters.coalescing);
  set_number(env, object, "connectionResetsOn", counters.connection_resets_on);
  set_number(env, object, "connectionResetsOff", counters.connection_resets_off);
  set_number(env, object, "networkResetsOff", counters.network_resets_off);
  return object;
}

// inject(error, count, after, place)
static napi_value inject(napi_env env, napi_callback_info info) {
  napi_value given[4];
  size_t count = 4;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  inject_fault(number_of(env, given[0]), number_of(env, given[1]), number_of(env, given[2]),
               (enum fault_place)number_of(env, given[3]));
  return NULL;
}

// injectAtRandom(wouldBlock, pending, seed)
static napi_value inject_random(napi_env env, napi_callback_info info) {
  napi_value given[3];
  size_t count = 3;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  inject_at_random(number_of(env, given[0]), number_of(env, given[1]), number_of(env, given[2]));
  return NULL;
}

static bool first_bool(napi_env env, napi_callback_info info) {
  napi_value given;
  bool value = false;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &given, NULL, NULL);
  napi_get_value_bool(env, given, &value);
  return value;
}

// hold(on)
static napi_value hold(napi_env env, napi_callback_info info) {
  hold_operations(first_bool(env, info));
  return NULL;
}

// keepFull(on)
static napi_value keep_sockets_full(napi_env env, napi_callback_info info) {
  keep_full(first_bool(env, info));
  return NULL;
}

// changeReceived({ error, flags, bytes, control, controlTold })
static napi_value change(napi_env env, napi_callback_info info) {
  struct receive_change given = {0};
  napi_value object, value;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &object, NULL, NULL);
  if (has_property(env, object, "error", &value)) given.error = number_of(env, value);
  if (has_property(env, object, "flags", &value)) given.flags = (DWORD)number_of(env, value);
  given.has_bytes = has_property(env, object, "bytes", &value);
  if (given.has_bytes) given.bytes = (DWORD)number_of(env, value);
  given.has_control = has_property(env, object, "control", &value);
  if (given.has_control) {
    void* bytes = NULL;
    size_t size = 0;
    napi_get_buffer_info(env, value, &bytes, &size);
    if (size > sizeof given.control) size = sizeof given.control;
    if (size > 0) memcpy(given.control, bytes, size);
    given.control_size = given.control_told = (DWORD)size;
    if (has_property(env, object, "controlTold", &value)) given.control_told = (DWORD)number_of(env, value);
  }
  if (!change_received(&given)) napi_throw_error(env, NULL, "too many changes");
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
  set_function(env, exports, "injectAtRandom", inject_random);
  set_function(env, exports, "hold", hold);
  set_function(env, exports, "keepFull", keep_sockets_full);
  set_function(env, exports, "changeReceived", change);
  return exports;
}
