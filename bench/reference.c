// What C pays for the same system calls: reference CASE COUNT PORT
// Prints the datagrams sent and the CPU time of this process (user and system) in nanoseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { kPayload = 1200, kBatch = 64, kTrain = 54 };

static char data[kPayload * kTrain];
static union {
  char bytes[64];
  struct cmsghdr align;
} control[kBatch];
static struct sockaddr_in destination;
static struct mmsghdr headers[kBatch];
static struct iovec pieces[kBatch];

static int64_t CpuTime(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

static void Prepare(int index, size_t length, int segment) {
  struct msghdr* header = &headers[index].msg_hdr;
  pieces[index] = (struct iovec){data, length};
  *header = (struct msghdr){.msg_name = &destination,
                            .msg_namelen = sizeof destination,
                            .msg_iov = &pieces[index],
                            .msg_iovlen = 1,
                            .msg_control = control[index].bytes,
                            .msg_controllen = sizeof control[index].bytes};
  struct cmsghdr* message = CMSG_FIRSTHDR(header);
  size_t used = 0;
  if (segment > 0) {
    *message = (struct cmsghdr){CMSG_LEN(sizeof(uint16_t)), IPPROTO_UDP, UDP_SEGMENT};
    const uint16_t size = segment;
    memcpy(CMSG_DATA(message), &size, sizeof size);
    used += CMSG_SPACE(sizeof size);
  } else {
    *message = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
    struct in_pktinfo info = {0};
    inet_pton(AF_INET, "127.0.0.2", &info.ipi_spec_dst);
    memcpy(CMSG_DATA(message), &info, sizeof info);
    used += CMSG_SPACE(sizeof info);
    message = (struct cmsghdr*)(control[index].bytes + used);
    *message = (struct cmsghdr){CMSG_LEN(sizeof(int)), IPPROTO_IP, IP_TOS};
    const int ecn = 1;
    memcpy(CMSG_DATA(message), &ecn, sizeof ecn);
    used += CMSG_SPACE(sizeof ecn);
  }
  header->msg_controllen = used;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const char* name = argv[1];
  const int count = atoi(argv[2]);
  destination.sin_family = AF_INET;
  destination.sin_port = htons(atoi(argv[3]));
  inet_pton(AF_INET, "127.0.0.1", &destination.sin_addr);
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const struct sockaddr_in any = {.sin_family = AF_INET};
  if (bind(descriptor, (const struct sockaddr*)&any, sizeof any) < 0) return 1;

  const int train = strcmp(name, "train") == 0;
  for (int index = 0; index < kBatch; index++) {
    Prepare(index, train ? sizeof data : kPayload, train ? kPayload : 0);
  }
  const int64_t start = CpuTime();
  int sent = 0;
  while (sent < count) {
    if (strcmp(name, "batch") == 0) {
      const int taken = sendmmsg(descriptor, headers, kBatch, MSG_DONTWAIT);
      if (taken < 0) return 1;
      sent += taken;
    } else {
      if (sendmsg(descriptor, &headers[0].msg_hdr, MSG_DONTWAIT) < 0) return 1;
      sent += train ? kTrain : 1;
    }
  }
  printf("%d %lld\n", sent, (long long)(CpuTime() - start));
  return 0;
}
