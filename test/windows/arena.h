// What the two sides of the hook share: memory at a fixed address, which Wine's Unix side sees where the Windows program
// sees it. Wine ignores WSAMSG.Control when it sends, so hook.c puts a copy of it here, and names it to control_send.c by
// one more WSABUF without bytes.
#include <stdint.h>

#define ARENA_ADDRESS 0x5e4d000000ull
#define ARENA_MAGIC 0x47534d444e455321ull
#define SLOT_SIZE 4096
#define SLOT_COUNT 1024

struct slot {
  uint64_t magic;
  uint32_t fault;   // errno that the next attempt to send fails with, once
  uint32_t length;  // of control
  uint32_t full;    // whether the socket stays without room
  unsigned char control[SLOT_SIZE - 24];
};

// WSACMSGHDR on x64.
struct control_header {
  uint64_t length;
  int32_t level;
  int32_t type;
};

#define CONTROL_SPACE(length) (((length) + 7) & ~(uint64_t)7)
