// The load that servers are measured under, and is not measured itself: mode=flood (payload=,
// batch=, segment=, sockets=) sends without pause, in turn to each port of port=, which may be a
// list; mode=echo keeps window= datagrams under way, and counts answers that come from another
// address than was asked as failures, unless any=1; mode=latency asks count= times, one at a time
// with a pause, and prints the time of each answer in nanoseconds. Stops by itself after seconds=.
#include <poll.h>

#include "common.h"

static char data[kLongest + 1];
static int64_t end;

enum { kMostPorts = 1024 };

static int Destinations(const char* ports, struct sockaddr_in first,
                        struct sockaddr_in* destinations) {
  int count = 0;
  for (const char* at = ports; at != NULL && count < kMostPorts; count++) {
    destinations[count] = first;
    destinations[count].sin_port = htons((uint16_t)atoi(at));
    at = strchr(at, ',');
    if (at != NULL) at++;
  }
  return count;
}

static void Flood(int argc, char** argv, struct sockaddr_in first) {
  enum { kMostSockets = 64 };
  static struct sockaddr_in destinations[kMostPorts];
  const int ports = Destinations(Text(argc, argv, "port", "0"), first, destinations);
  const int batch = (int)Number(argc, argv, "batch", 64);
  const int sockets = (int)Number(argc, argv, "sockets", 1);
  const int segment = (int)Number(argc, argv, "segment", 0);
  struct iovec piece = {data, (size_t)Number(argc, argv, "payload", 1200)};
  static struct mmsghdr headers[kMostMessages];
  int descriptors[kMostSockets];
  if (batch > kMostMessages || sockets > kMostSockets) exit(2);
  for (int index = 0; index < batch; index++) {
    headers[index].msg_hdr = (struct msghdr){
        .msg_name = destinations, .msg_namelen = sizeof first, .msg_iov = &piece, .msg_iovlen = 1};
  }
  for (int index = 0; index < sockets; index++) {
    descriptors[index] = BoundSocket("127.0.0.1", 0);
    if (segment > 0) SetOption(descriptors[index], IPPROTO_UDP, UDP_SEGMENT, segment);
  }
  int next = 0;
  for (int turn = 0; Now() < end; turn++) {
    for (int index = 0; ports > 1 && index < batch; index++) {
      headers[index].msg_hdr.msg_name = &destinations[next];
      next = (next + 1) % ports;
    }
    // Once the receiver has ended, its port tells so.
    sendmmsg(descriptors[turn % sockets], headers, (unsigned)batch, 0);
  }
}

static void Echo(int argc, char** argv, struct sockaddr_in destination) {
  const int window = (int)Number(argc, argv, "window", 64);
  const int any = (int)Number(argc, argv, "any", 0);
  const int descriptor = BoundSocket("0.0.0.0", 0);
  SetOption(descriptor, SOL_SOCKET, SO_RCVBUF, 4 << 20);
  struct Slots* slots = NewSlots(window);
  struct iovec piece = {data, (size_t)Number(argc, argv, "payload", 1200)};
  static struct mmsghdr headers[kMostMessages];
  for (int index = 0; index < window; index++) {
    headers[index].msg_hdr = (struct msghdr){.msg_name = &destination,
                                             .msg_namelen = sizeof destination,
                                             .msg_iov = &piece,
                                             .msg_iovlen = 1};
  }
  sendmmsg(descriptor, headers, (unsigned)window, 0);
  while (Now() < end) {
    struct pollfd poll_for = {descriptor, POLLIN, 0};
    // What was lost is made good.
    const int ready = poll(&poll_for, 1, 50);
    const int messages = ready > 0 ? ReceiveInto(descriptor, slots, window) : window;
    for (int index = 0; ready > 0 && index < messages; index++) {
      if (!any && slots->names[index].sin_addr.s_addr != destination.sin_addr.s_addr) {
        fprintf(stderr, "an answer came from another address than was asked\n");
        exit(1);
      }
    }
    if (messages > 0) sendmmsg(descriptor, headers, (unsigned)messages, 0);
  }
}

static void Latency(int argc, char** argv, struct sockaddr_in destination) {
  const long count = Number(argc, argv, "count", 1000);
  const long pause = Number(argc, argv, "pause", 500);  // microseconds
  const int descriptor = BoundSocket("0.0.0.0", 0);
  for (long asked = 0; asked < count && Now() < end; asked++) {
    const struct timespec wait = {0, pause * 1000};
    nanosleep(&wait, NULL);
    while (recv(descriptor, data, sizeof data, 0) >= 0) continue;  // came too late
    const int64_t start = Now();
    sendto(descriptor, data, 100, 0, (const struct sockaddr*)&destination, sizeof destination);
    struct pollfd poll_for = {descriptor, POLLIN, 0};
    if (poll(&poll_for, 1, 1000) != 1) continue;  // lost
    if (recv(descriptor, data, sizeof data, 0) < 0) continue;
    printf("%lld\n", (long long)(Now() - start));
  }
}

int main(int argc, char** argv) {
  memset(data, 1, sizeof data);
  end = Now() + Number(argc, argv, "seconds", 60) * 1000000000LL;
  const struct sockaddr_in destination =
      Loopback(Text(argc, argv, "address", "127.0.0.1"), (int)Number(argc, argv, "port", 0));
  const char* mode = Text(argc, argv, "mode", "flood");
  if (strcmp(mode, "flood") == 0)
    Flood(argc, argv, destination);
  else if (strcmp(mode, "echo") == 0)
    Echo(argc, argv, destination);
  else if (strcmp(mode, "latency") == 0)
    Latency(argc, argv, destination);
  else
    return 2;
  return 0;
}
