// Receives in a loop of epoll and recvmmsg: batch= messages a call, coalesce=1 (UDP_GRO), warm=
// datagrams before the count= that are measured, sockets= that share the port by SO_REUSEPORT, each
// with a thread and a loop of its own; with ports=1 each has a port and one loop has them all.
// Prints its port, or ports, first.
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

static int NewLoop(void) {
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  if (loop < 0) Fail("epoll_create1");
  return loop;
}

static void Watch(int loop, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) < 0) Fail("epoll_ctl");
}

static void Run(int loop) {
  struct Slots* slots = NewSlots(batch);
  for (;;) {
    struct epoll_event events[64];
    const int ready = epoll_wait(loop, events, 64, -1);
    if (ready < 0) Fail("epoll_wait");
    for (int at = 0; at < ready; at++) {
      const int messages = ReceiveInto(events[at].data.fd, slots, batch);
      long datagrams = 0;
      for (int index = 0; index < messages; index++) datagrams += Datagrams(&slots->headers[index]);
      Read(atomic_fetch_add(&received, datagrams) + datagrams);
    }
  }
}

static void* RunThread(void* descriptor) {
  const int loop = NewLoop();
  Watch(loop, *(int*)descriptor);
  Run(loop);
  return NULL;
}

int main(int argc, char** argv) {
  enum { kMostSockets = 1024 };
  batch = (int)Number(argc, argv, "batch", 32);
  warm = Number(argc, argv, "warm", 0);
  count = Number(argc, argv, "count", 1);
  const int sockets = (int)Number(argc, argv, "sockets", 1);
  const int ports = (int)Number(argc, argv, "ports", 0);
  static int descriptors[kMostSockets];
  if (sockets < 1 || sockets > kMostSockets) return 2;
  const int loop = NewLoop();
  int port = (int)Number(argc, argv, "port", 0);
  for (int index = 0; index < sockets; index++) {
    const int descriptor = descriptors[index] = NewSocket();
    if (sockets > 1 && !ports) SetOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    SetOption(descriptor, SOL_SOCKET, SO_RCVBUF, (int)Number(argc, argv, "buffer", 1 << 20));
    AskForInfo(descriptor);
    if (Number(argc, argv, "coalesce", 0)) SetOption(descriptor, IPPROTO_UDP, UDP_GRO, 1);
    Bind(descriptor, "127.0.0.1", port);
    if (!ports) port = PortOf(descriptor);
    if (index == 0 || ports) Watch(loop, descriptor);
    if (index == 0 || ports) printf("%s%d", index == 0 ? "port " : ",", PortOf(descriptor));
  }
  printf("\n");
  fflush(stdout);
  for (int index = 1; index < sockets && !ports; index++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, RunThread, &descriptors[index]) != 0) Fail("pthread_create");
  }
  Run(loop);
  return 0;
}
