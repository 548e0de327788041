// Makes allocations fail: LD_PRELOAD, and then in the program
//   setenv("FAIL_ALLOCATIONS", "addon FIRST COUNT", 1)   of those that the addon's own code asks for (malloc, calloc)
//   setenv("FAIL_ALLOCATIONS", "BYTES FIRST COUNT", 1)   of those of this size, whoever asks
//   setenv("FAIL_ALLOCATIONS", "", 1)                    no more; FAILED_ALLOCATIONS in the environment says how many did
// FIRST counts from 1. glibc only.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);

static atomic_int armed;
static size_t bytes;  // 0: the addon's
static long first, count, seen, failed;
static pthread_t thread;

static int Fails(size_t size, const void* caller) {
  if (!atomic_load(&armed) || !pthread_equal(pthread_self(), thread)) return 0;
  if (bytes == 0) {
    Dl_info place;
    atomic_store(&armed, 0);  // dladdr() may allocate
    const int known = dladdr(caller, &place);
    atomic_store(&armed, 1);
    if (!known || place.dli_fname == NULL || strstr(place.dli_fname, "sendmsg") == NULL) return 0;
    if (strstr(place.dli_fname, ".node") == NULL) return 0;
  } else if (size != bytes) {
    return 0;
  }
  seen++;
  if (seen < first || seen >= first + count) return 0;
  failed++;
  return 1;
}

void* malloc(size_t size) {
  return Fails(size, __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void* calloc(size_t number, size_t size) {
  return Fails(number * size, __builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void* realloc(void* memory, size_t size) {
  return Fails(size, __builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

int setenv(const char* name, const char* value, int overwrite) {
  static int (*next)(const char*, const char*, int);
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, "setenv");
  if (strcmp(name, "FAIL_ALLOCATIONS") == 0) {
    atomic_store(&armed, 0);
    char text[32];
    snprintf(text, sizeof text, "%ld", failed);
    next("FAILED_ALLOCATIONS", text, 1);
    char what[16] = "";
    seen = failed = 0;
    if (sscanf(value, "%15s %ld %ld", what, &first, &count) == 3) {
      bytes = strcmp(what, "addon") == 0 ? 0 : strtoul(what, NULL, 10);
      thread = pthread_self();
      atomic_store(&armed, 1);
    }
  }
  return next(name, value, overwrite);
}
