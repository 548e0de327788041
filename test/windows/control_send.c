// The Unix side of the hook, preloaded into Wine: its ntdll sends with sendmsg(2). Where hook_send.c left a marker, the
// Windows control messages become those of Linux. Trains are received with UDP_GRO.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "arena.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

// Windows' numbers.
enum {
  WIN_IPPROTO_UDP = 17,
  WIN_IP_TOS = 3,
  WIN_TCLASS = 39,
  WIN_PKTINFO = 19,
  WIN_HOPLIMIT = 21,
  WIN_ECN = 50,
  WIN_SEND_MSG_SIZE = 2
};

struct output {
  _Alignas(struct cmsghdr) unsigned char bytes[SLOT_SIZE];
  size_t used;
};

static int put(struct output* out, int level, int type, const void* data, size_t size) {
  struct cmsghdr* header = (struct cmsghdr*)(out->bytes + out->used);
  if (CMSG_SPACE(size) > sizeof out->bytes - out->used) return -1;
  memset(header, 0, CMSG_SPACE(size));
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(header), data, size);
  out->used += CMSG_SPACE(size);
  return 0;
}

static int translate(const struct control_header* header, const unsigned char* data, struct output* out) {
  int value;
  memcpy(&value, data, sizeof value);
  if (header->level == IPPROTO_IP) {
    if (header->type == WIN_PKTINFO) {  // struct in_pktinfo { IN_ADDR ipi_addr; ULONG ipi_ifindex; }
      struct in_pktinfo info = {0};
      memcpy(&info.ipi_spec_dst, data, 4);
      memcpy(&info.ipi_ifindex, data + 4, 4);
      return put(out, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (header->type == WIN_IP_TOS || header->type == WIN_ECN)
      return put(out, IPPROTO_IP, IP_TOS, &value, sizeof value);
  } else if (header->level == IPPROTO_IPV6) {
    if (header->type == WIN_PKTINFO) return put(out, IPPROTO_IPV6, IPV6_PKTINFO, data, sizeof(struct in6_pktinfo));
    if (header->type == WIN_HOPLIMIT) return put(out, IPPROTO_IPV6, IPV6_HOPLIMIT, &value, sizeof value);
    if (header->type == WIN_TCLASS || header->type == WIN_ECN)
      return put(out, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
  } else if (header->level == WIN_IPPROTO_UDP && header->type == WIN_SEND_MSG_SIZE) {
    uint16_t size = (uint16_t)value;
    return put(out, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
  }
  return -1;
}

static int translate_all(const struct slot* slot, struct output* out) {
  size_t at = 0;
  while (at + sizeof(struct control_header) <= slot->length) {
    struct control_header header;
    memcpy(&header, slot->control + at, sizeof header);
    if (translate(&header, slot->control + at + sizeof header, out) != 0) return -1;
    at += CONTROL_SPACE(header.length);
  }
  return 0;
}

static struct slot* marker(const struct msghdr* message) {
  if (message->msg_iovlen == 0) return NULL;
  const struct iovec* last = &message->msg_iov[message->msg_iovlen - 1];
  const uint64_t address = (uint64_t)last->iov_base;
  if (last->iov_len != 0 || address < ARENA_ADDRESS || address >= ARENA_ADDRESS + (uint64_t)SLOT_SIZE * SLOT_COUNT)
    return NULL;
  struct slot* slot = (struct slot*)address;
  return address % SLOT_SIZE == 0 && slot->magic == ARENA_MAGIC ? slot : NULL;
}

typedef ssize_t (*send_function)(int, const struct msghdr*, int);

// What MSG_MORE holds back takes room in the send buffer and never leaves: the socket is not writable until it is closed.
static void fill(send_function next, int descriptor, const struct msghdr* message) {
  static unsigned char data[4096];
  const int least = 1;
  struct iovec view = {data, sizeof data};
  struct msghdr held = {.msg_name = message->msg_name, .msg_namelen = message->msg_namelen, .msg_iov = &view, .msg_iovlen = 1};
  setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  next(descriptor, &held, MSG_MORE | MSG_DONTWAIT);
}

ssize_t sendmsg(int descriptor, const struct msghdr* message, int flags) {
  static send_function next;
  if (next == NULL) next = (send_function)dlsym(RTLD_NEXT, "sendmsg");
  struct slot* slot = marker(message);
  if (slot == NULL) return next(descriptor, message, flags);
  if (slot->full != 0) fill(next, descriptor, message);
  if (slot->blocked != 0) {
    slot->blocked--;
    errno = EAGAIN;
    return -1;
  }
  if (slot->fault != 0) {
    errno = (int)slot->fault;
    slot->fault = 0;
    return -1;
  }
  struct output out = {.used = 0};
  if (translate_all(slot, &out) != 0) {
    errno = EINVAL;
    return -1;
  }
  struct msghdr changed = *message;
  changed.msg_iovlen--;
  changed.msg_control = out.used > 0 ? out.bytes : NULL;
  changed.msg_controllen = out.used;
  return next(descriptor, &changed, flags);
}

static uint32_t segment_size(struct msghdr* message) {
  for (struct cmsghdr* header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    int size;
    if (header->cmsg_level != SOL_UDP || header->cmsg_type != UDP_GRO) continue;
    memcpy(&size, CMSG_DATA(header), sizeof size);
    return (uint32_t)size;
  }
  return 0;
}

ssize_t recvmsg(int descriptor, struct msghdr* message, int flags) {
  static ssize_t (*next)(int, struct msghdr*, int);
  if (next == NULL) next = (ssize_t(*)(int, struct msghdr*, int))dlsym(RTLD_NEXT, "recvmsg");
  struct slot* slot = marker(message);
  const ssize_t received = next(descriptor, message, flags);
  if (slot != NULL && received >= 0) slot->segment_size = segment_size(message);
  return received;
}

int setsockopt(int descriptor, int level, int option, const void* value, socklen_t length) {
  static int (*next)(int, int, int, const void*, socklen_t);
  if (next == NULL) next = (int (*)(int, int, int, const void*, socklen_t))dlsym(RTLD_NEXT, "setsockopt");
  int number = 0;
  if (level == IPPROTO_IP && option == IP_TTL && length == sizeof number) memcpy(&number, value, sizeof number);
  if (number != COALESCE_ON && number != COALESCE_OFF) return next(descriptor, level, option, value, length);
  const int on = number == COALESCE_ON;
  return next(descriptor, SOL_UDP, UDP_GRO, &on, sizeof on);
}
