// What function-local statics are guarded by (Itanium C++ ABI, 3.3.3: the first byte says that it
// is done, the others are ours; here the second says that a thread is at it).
#include <windows.h>

extern "C" int __cxa_guard_acquire(unsigned char* guard) {
  while (__atomic_load_n(&guard[0], __ATOMIC_ACQUIRE) == 0) {
    unsigned char nobody = 0;
    if (__atomic_compare_exchange_n(&guard[1], &nobody, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
      if (__atomic_load_n(&guard[0], __ATOMIC_ACQUIRE) == 0) return 1;
      __atomic_store_n(&guard[1], 0, __ATOMIC_RELEASE);
      return 0;
    }
    SwitchToThread();
  }
  return 0;
}

extern "C" void __cxa_guard_release(unsigned char* guard) {
  __atomic_store_n(&guard[0], 1, __ATOMIC_RELEASE);
  __atomic_store_n(&guard[1], 0, __ATOMIC_RELEASE);
}
