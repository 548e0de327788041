// Receives in a loop of epoll and recvmmsg: batch= messages a call, coalesce=1 (UDP_GRO), warm=
// datagrams before the count= that are measured, sockets= that share the port by SO_REUSEPORT, each
// with a thread and a loop of its own. Prints its port first.
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#include "common.h"

static int batch;
static long warm;
static long count;
static atomic_long received;
static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static long first = -1;
static int64_t start;

static long Datagrams(struct mmsghdr* message) {
  const struct Received told = ReadControl(&message->msg_hdr);
  const long size = message->msg_len;
  return told.segment_size > 0 ? (size + told.segment_size - 1) / told.segment_size : 1;
}

// Ends the process when all that is measured was received.
static void Read(long total) {
  pthread_mutex_lock(&clock_lock);
  if (first < 0 && total >= warm) {
    first = total;
    start = CpuTime();
  } else if (first >= 0 && total - first >= count) {
    printf("%ld %lld\n", total - first, (long long)(CpuTime() - start));
    exit(0);
  }
  pthread_mutex_unlock(&clock_lock);
}

static void* Receive(void* socket) {
  const int descriptor = *(int*)socket;
  struct Slots* slots = NewSlots(batch);
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) < 0) Fail("epoll_ctl");
  for (;;) {
    struct epoll_event events[64];
    if (epoll_wait(loop, events, 64, -1) < 0) Fail("epoll_wait");
    const int messages = ReceiveInto(descriptor, slots, batch);
    long datagrams = 0;
    for (int index = 0; index < messages; index++) datagrams += Datagrams(&slots->headers[index]);
    Read(atomic_fetch_add(&received, datagrams) + datagrams);
  }
}

int main(int argc, char** argv) {
  enum { kMostSockets = 64 };
  batch = (int)Number(argc, argv, "batch", 32);
  warm = Number(argc, argv, "warm", 0);
  count = Number(argc, argv, "count", 1);
  const int sockets = (int)Number(argc, argv, "sockets", 1);
  int descriptors[kMostSockets];
  if (sockets < 1 || sockets > kMostSockets) return 2;
  int port = (int)Number(argc, argv, "port", 0);
  for (int index = 0; index < sockets; index++) {
    const int descriptor = descriptors[index] = NewSocket();
    if (sockets > 1) SetOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    SetOption(descriptor, SOL_SOCKET, SO_RCVBUF, (int)Number(argc, argv, "buffer", 1 << 20));
    AskForInfo(descriptor);
    if (Number(argc, argv, "coalesce", 0)) SetOption(descriptor, IPPROTO_UDP, UDP_GRO, 1);
    Bind(descriptor, "127.0.0.1", port);
    port = PortOf(descriptor);
  }
  printf("port %d\n", port);
  fflush(stdout);
  for (int index = 1; index < sockets; index++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, Receive, &descriptors[index]) != 0) Fail("pthread_create");
  }
  Receive(&descriptors[0]);
  return 0;
}
