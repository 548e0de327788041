// What the two sides of the hook share: memory at a fixed address, which Wine's Unix side sees where the Windows
// program sees it. Wine ignores WSAMSG.Control when it sends, so hook_send.c puts a copy of it here, and names it to
// control_send.c by one more WSABUF without bytes. Receiving names a slot in the same way, for what Wine does not tell.
#include <stdint.h>

#define ARENA_ADDRESS 0x5e4d000000ull
#define ARENA_MAGIC 0x47534d444e455321ull
#define SLOT_SIZE 4096
#define SLOT_COUNT 1024

struct slot {
  uint64_t magic;
  uint32_t blocked;       // attempts to send that find no room
  uint32_t fault;         // errno that the attempt after those fails with
  uint32_t segment_size;  // of the train that was received
  uint32_t length;        // of control
  uint32_t full;          // whether the socket stays without room
  unsigned char control[SLOT_SIZE - 32];
};

// WSACMSGHDR on x64.
struct control_header {
  uint64_t length;
  int32_t level;
  int32_t type;
};

#define CONTROL_SPACE(length) (((length) + 7) & ~(uint64_t)7)

// Values of IP_TTL that stand for UDP_GRO, an option that Wine does not know.
#define COALESCE_OFF 0x5e4d0000
#define COALESCE_ON 0x5e4d0001
