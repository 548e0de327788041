// What Node for glibc, and the C++ library beside it, ask of their C library, and musl does not
// have. Preloaded, so that Node can be run by musl (scripts/prebuild/musl.mjs). Nothing here has to
// be good, only there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

// Threads: glibc says so when there are some.
char __libc_single_threaded = 0;
void* __libc_stack_end = NULL;

int __cxa_thread_atexit_impl(void (*destroy)(void*), void* object, void* library) {
  (void)destroy, (void)object, (void)library;
  return 0;
}

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                      void* library) {
  (void)library;
  return pthread_atfork(prepare, parent, child);
}

// Unwinding goes on by dl_iterate_phdr.
int _dl_find_object(void* address, void* result) {
  (void)address, (void)result;
  return -1;
}

// What the compiler's runtime asks of the processor (x86).
struct {
  unsigned vendor, type, subtype, features[1];
} __cpu_model = {1, 1, 1, {0}};

int __cpu_indicator_init(void) { return 0; }

unsigned long __getauxval(unsigned long type) { return getauxval(type); }

size_t __strftime_l(char* text, size_t size, const char* format, const struct tm* time,
                    locale_t locale) {
  return strftime_l(text, size, format, time, locale);
}

#undef fcntl64
int fcntl64(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl(descriptor, command, argument);
}

unsigned arc4random(void) {
  unsigned value = 0;
  (void)!getrandom(&value, sizeof value, 0);
  return value;
}

const char* gnu_get_libc_version(void) { return "2.36"; }

int backtrace(void** buffer, int size) {
  (void)buffer, (void)size;
  return 0;
}

char** backtrace_symbols(void* const* buffer, int size) {
  (void)buffer, (void)size;
  return NULL;
}

void backtrace_symbols_fd(void* const* buffer, int size, int descriptor) {
  (void)buffer, (void)size, (void)descriptor;
}

int getcontext(void* context) {
  (void)context;
  errno = ENOSYS;
  return -1;
}

int setcontext(const void* context) { return getcontext((void*)context); }

void makecontext(void* context, void (*function)(void), int count, ...) {
  (void)context, (void)function, (void)count;
}
