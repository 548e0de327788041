// Receives in a loop of epoll and recvmmsg: batch= messages a call, coalesce=1 (UDP_GRO), warm= datagrams before the
// count= that are measured, sockets= that share the port by SO_REUSEPORT. Prints its port first.
#include <sys/epoll.h>

#include "common.h"

static long Datagrams(struct mmsghdr* message) {
  const struct Received received = ReadControl(&message->msg_hdr);
  const long size = message->msg_len;
  return received.segment_size > 0 ? (size + received.segment_size - 1) / received.segment_size : 1;
}

int main(int argc, char** argv) {
  const int batch = (int)Number(argc, argv, "batch", 32);
  const long warm = Number(argc, argv, "warm", 0);
  const long count = Number(argc, argv, "count", 1);
  const int descriptor = BoundSocket("127.0.0.1", (int)Number(argc, argv, "port", 0));
  SetOption(descriptor, SOL_SOCKET, SO_RCVBUF, (int)Number(argc, argv, "buffer", 1 << 20));
  AskForInfo(descriptor);
  if (Number(argc, argv, "coalesce", 0)) SetOption(descriptor, IPPROTO_UDP, UDP_GRO, 1);
  struct Slots* slots = NewSlots(batch);

  const int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) < 0) Fail("epoll_ctl");
  printf("port %d\n", PortOf(descriptor));
  fflush(stdout);

  long received = 0;
  long first = -1;
  int64_t start = 0;
  while (first < 0 || received - first < count) {
    struct epoll_event events[64];
    if (epoll_wait(loop, events, 64, -1) < 0) Fail("epoll_wait");
    const int messages = ReceiveInto(descriptor, slots, batch);
    for (int index = 0; index < messages; index++) received += Datagrams(&slots->headers[index]);
    if (first < 0 && received >= warm) {
      first = received;
      start = CpuTime();
    }
  }
  printf("%ld %lld\n", received - first, (long long)(CpuTime() - start));
  return 0;
}
