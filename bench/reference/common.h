// What the reference programs share. Each takes key=value arguments and prints, as its last line,
// the datagrams and the CPU time of its own process (user and system) in nanoseconds.
#ifndef SENDMSG_BENCH_REFERENCE_COMMON_H_
#define SENDMSG_BENCH_REFERENCE_COMMON_H_

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { kLongest = 65535, kMostMessages = 1024, kControlRoom = 128 };

static inline const char* Text(int argc, char** argv, const char* name, const char* otherwise) {
  const size_t length = strlen(name);
  for (int index = 1; index < argc; index++) {
    if (strncmp(argv[index], name, length) == 0 && argv[index][length] == '=') {
      return argv[index] + length + 1;
    }
  }
  return otherwise;
}

static inline long Number(int argc, char** argv, const char* name, long otherwise) {
  const char* text = Text(argc, argv, name, NULL);
  return text == NULL ? otherwise : atol(text);
}

static inline void Fail(const char* what) {
  perror(what);
  exit(1);
}

static inline int64_t CpuTime(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

static inline int64_t Now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline struct sockaddr_in Loopback(const char* address, int port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, address, &name.sin_addr);
  return name;
}

static inline void SetOption(int descriptor, int level, int name, int value) {
  if (setsockopt(descriptor, level, name, &value, sizeof value) < 0) Fail("setsockopt");
}

static inline int NewSocket(void) {
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) Fail("socket");
  return descriptor;
}

static inline void Bind(int descriptor, const char* address, int port) {
  const struct sockaddr_in name = Loopback(address, port);
  if (bind(descriptor, (const struct sockaddr*)&name, sizeof name) < 0) Fail("bind");
}

// Bound to an address, as ours is before its first send.
static inline int BoundSocket(const char* address, int port) {
  const int descriptor = NewSocket();
  Bind(descriptor, address, port);
  return descriptor;
}

static inline int PortOf(int descriptor) {
  struct sockaddr_in name;
  socklen_t length = sizeof name;
  if (getsockname(descriptor, (struct sockaddr*)&name, &length) < 0) Fail("getsockname");
  return ntohs(name.sin_port);
}

// Appends a control message; the buffer is zeroed and has room.
static inline void AddControl(struct msghdr* header, int level, int type, const void* payload,
                              size_t size) {
  struct cmsghdr* message = (struct cmsghdr*)((char*)header->msg_control + header->msg_controllen);
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(message), payload, size);
  header->msg_controllen += CMSG_SPACE(size);
}

static inline void AddSource(struct msghdr* header, struct in_addr source) {
  const struct in_pktinfo info = {.ipi_spec_dst = source};
  AddControl(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

// What sendmsg asks the kernel for without being told: destination, interface, traffic class.
static inline void AskForInfo(int descriptor) {
  SetOption(descriptor, IPPROTO_IP, IP_PKTINFO, 1);
  SetOption(descriptor, IPPROTO_IP, IP_RECVTOS, 1);
}

struct Received {
  struct in_addr destination;
  uint8_t traffic_class;
  int segment_size;
};

static inline struct Received ReadControl(struct msghdr* header) {
  struct Received received = {0};
  for (struct cmsghdr* message = CMSG_FIRSTHDR(header); message != NULL;
       message = CMSG_NXTHDR(header, message)) {
    if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(message), sizeof info);
      received.destination = info.ipi_addr;
    } else if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_TOS) {
      received.traffic_class = *CMSG_DATA(message);
    } else if (message->cmsg_level == IPPROTO_UDP && message->cmsg_type == UDP_GRO) {
      memcpy(&received.segment_size, CMSG_DATA(message), sizeof received.segment_size);
    }
  }
  return received;
}

// Messages to receive into, each with its own data, name and control buffer.
struct Slots {
  struct mmsghdr headers[kMostMessages];
  struct iovec pieces[kMostMessages];
  struct sockaddr_in names[kMostMessages];
  union {
    char bytes[kControlRoom];
    struct cmsghdr align;
  } control[kMostMessages];
};

static inline struct Slots* NewSlots(int count) {
  struct Slots* slots = calloc(1, sizeof *slots);
  for (int index = 0; index < count; index++) {
    // Not all at the same place in their pages, or they would share a few sets of the cache.
    slots->pieces[index] = (struct iovec){malloc(kLongest + 1088), kLongest};
    slots->headers[index].msg_hdr = (struct msghdr){.msg_name = &slots->names[index],
                                                    .msg_iov = &slots->pieces[index],
                                                    .msg_iovlen = 1,
                                                    .msg_control = slots->control[index].bytes};
  }
  return slots;
}

static inline int ReceiveInto(int descriptor, struct Slots* slots, int count) {
  for (int index = 0; index < count; index++) {
    slots->headers[index].msg_hdr.msg_namelen = sizeof slots->names[index];
    slots->headers[index].msg_hdr.msg_controllen = kControlRoom;
  }
  const int received = recvmmsg(descriptor, slots->headers, (unsigned)count, MSG_DONTWAIT, NULL);
  if (received < 0 && errno != EAGAIN) Fail("recvmmsg");
  return received < 0 ? 0 : received;
}

#endif  // SENDMSG_BENCH_REFERENCE_COMMON_H_
