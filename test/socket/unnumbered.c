/* Preloaded, it makes fstat(2) say of every socket that its number is 0, as macOS and FreeBSD do. At the end it writes to
   stderr how often it did. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/stat.h>

static int told;

__attribute__((destructor)) static void tell(void) { fprintf(stderr, "unnumbered %d\n", told); }

int fstat64(int descriptor, struct stat64 *information) {
  static int (*real)(int, struct stat64 *);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "fstat64");
  const int result = real(descriptor, information);
  if (result == 0 && S_ISSOCK(information->st_mode)) {
    information->st_ino = 0;
    told++;
  }
  return result;
}
