// Answers every datagram from the address that it was sent to: epoll, recvmmsg, sendmmsg. batch=,
// warm=, count=. Prints its port first.
#include <sys/epoll.h>

#include "common.h"

int main(int argc, char** argv) {
  const int batch = (int)Number(argc, argv, "batch", 32);
  const long warm = Number(argc, argv, "warm", 0);
  const long count = Number(argc, argv, "count", 1);
  const int descriptor = BoundSocket("0.0.0.0", 0);
  AskForInfo(descriptor);
  struct Slots* slots = NewSlots(batch);
  struct Slots* answers = NewSlots(batch);

  const int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) < 0) Fail("epoll_ctl");
  printf("port %d\n", PortOf(descriptor));
  fflush(stdout);

  long answered = 0;
  long first = -1;
  int64_t start = 0;
  while (first < 0 || answered - first < count) {
    struct epoll_event events[64];
    if (epoll_wait(loop, events, 64, -1) < 0) Fail("epoll_wait");
    const int messages = ReceiveInto(descriptor, slots, batch);
    for (int index = 0; index < messages; index++) {
      const struct Received received = ReadControl(&slots->headers[index].msg_hdr);
      struct msghdr* answer = &answers->headers[index].msg_hdr;
      answer->msg_name = &slots->names[index];
      answer->msg_namelen = sizeof slots->names[index];
      answers->pieces[index] =
          (struct iovec){slots->pieces[index].iov_base, slots->headers[index].msg_len};
      answer->msg_controllen = 0;
      AddSource(answer, received.destination);
    }
    for (int sent = 0; sent < messages;) {
      const int taken =
          sendmmsg(descriptor, answers->headers + sent, (unsigned)(messages - sent), MSG_DONTWAIT);
      if (taken < 0) Fail("sendmmsg");
      sent += taken;
    }
    answered += messages;
    if (first < 0 && answered >= warm) {
      first = answered;
      start = CpuTime();
    }
  }
  printf("%ld %lld\n", answered - first, (long long)(CpuTime() - start));
  return 0;
}
