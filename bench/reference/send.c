// Sends what was prepared once: batch= (1: sendmsg, more: sendmmsg), payload= bytes, segment=
// (trains of 64 kB), buffers= that a payload is gathered from, control=1 (source and ECN),
// connected=1, sockets= that send in turn, count= datagrams, port=.
#include "common.h"

static char data[kMostMessages][2048];
static char large[kLongest + 1];
static union {
  char bytes[kControlRoom];
  struct cmsghdr align;
} control[kMostMessages];
static struct sockaddr_in destination;
static struct mmsghdr headers[kMostMessages];
static struct iovec pieces[kMostMessages][8];
enum { kMostSockets = 1024 };
static int descriptors[kMostSockets];

int main(int argc, char** argv) {
  const int batch = (int)Number(argc, argv, "batch", 1);
  const size_t payload = (size_t)Number(argc, argv, "payload", 1200);
  const int segment = (int)Number(argc, argv, "segment", 0);
  const int buffers = (int)Number(argc, argv, "buffers", 1);
  const int with_control = (int)Number(argc, argv, "control", 0);
  const int connected = (int)Number(argc, argv, "connected", 0);
  const long count = Number(argc, argv, "count", 1);
  const int sockets = (int)Number(argc, argv, "sockets", 1);
  const int port = (int)Number(argc, argv, "port", 0);
  if (batch < 1 || batch > kMostMessages || buffers < 1 || buffers > 8 || sockets < 1 ||
      sockets > kMostSockets) {
    return 2;
  }

  // Pages that nobody wrote are all the same one, and always in the cache.
  memset(data, 1, sizeof data);
  memset(large, 1, sizeof large);
  destination = Loopback("127.0.0.1", port);
  for (int index = 0; index < sockets; index++) {
    descriptors[index] = BoundSocket("0.0.0.0", 0);
    if (connected &&
        connect(descriptors[index], (const struct sockaddr*)&destination, sizeof destination) < 0) {
      Fail("connect");
    }
  }

  const int datagrams = segment > 0 ? (int)(payload + (size_t)segment - 1) / segment : 1;
  for (int index = 0; index < batch; index++) {
    struct msghdr* header = &headers[index].msg_hdr;
    char* bytes = payload > sizeof data[0] ? large : data[index];
    for (int piece = 0; piece < buffers; piece++) {
      const size_t part = payload / (size_t)buffers;
      const size_t from = part * (size_t)piece;
      pieces[index][piece] =
          (struct iovec){bytes + from, piece + 1 < buffers ? part : payload - from};
    }
    *header = (struct msghdr){.msg_iov = pieces[index], .msg_iovlen = (size_t)buffers};
    if (!connected) {
      header->msg_name = &destination;
      header->msg_namelen = sizeof destination;
    }
    header->msg_control = control[index].bytes;
    if (with_control) {
      struct in_addr source;
      inet_pton(AF_INET, "127.0.0.2", &source);
      AddSource(header, source);
      const int ecn = 1;
      AddControl(header, IPPROTO_IP, IP_TOS, &ecn, sizeof ecn);
    }
    if (segment > 0) {
      const uint16_t size = (uint16_t)segment;
      AddControl(header, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size);
    }
    if (header->msg_controllen == 0) header->msg_control = NULL;
  }

  const int64_t start = CpuTime();
  long sent = 0;
  for (int turn = 0; sent < count; turn++) {
    const int descriptor = descriptors[turn % sockets];
    if (batch == 1) {
      if (sendmsg(descriptor, &headers[0].msg_hdr, MSG_DONTWAIT) < 0) Fail("sendmsg");
      sent += datagrams;
    } else {
      const int taken = sendmmsg(descriptor, headers, (unsigned)batch, MSG_DONTWAIT);
      if (taken < 0) Fail("sendmmsg");
      sent += (long)taken * datagrams;
    }
  }
  printf("%ld %lld\n", sent, (long long)(CpuTime() - start));
  return 0;
}
