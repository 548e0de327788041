// Kernels whose control messages nobody has looked up yet: data, addresses and flags go both ways,
// typed control fields are refused. Raw control messages pass, with the platform's own numbers.
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel.h"
#include "mmsg_fallback.h"

namespace datagram {
namespace {

// What libuv, and so dgram, takes for reuseAddr (src/unix/udp.c, uv__sock_reuseaddr).
#if defined(SO_REUSEPORT) && !defined(__linux__) && !defined(__GNU__) && !defined(__illumos__) && \
    !defined(__DragonFly__) && !defined(_AIX)
constexpr int kReuseAddressName = SO_REUSEPORT;
#else
constexpr int kReuseAddressName = SO_REUSEADDR;
#endif

// One byte for IPv4: OpenBSD, Solaris and AIX take nothing else, as libuv has it (src/unix/udp.c,
// uv__setsockopt_maybe_char).
template <int name>
int SetByte(Descriptor descriptor, int value) {
  const auto byte = static_cast<unsigned char>(value);
  return setsockopt(descriptor, IPPROTO_IP, name, &byte, sizeof byte);
}

const OptionRow kOptionRows[] = {
    {Option::kReuseAddress, kNoFamily, SOL_SOCKET, kReuseAddressName},
    {Option::kMulticastHopLimit, kIPv4, IPPROTO_IP, IP_MULTICAST_TTL, nullptr,
     SetByte<IP_MULTICAST_TTL>},
    {Option::kMulticastLoopback, kIPv4, IPPROTO_IP, IP_MULTICAST_LOOP, nullptr,
     SetByte<IP_MULTICAST_LOOP>},
#ifdef IPV6_TCLASS
    {Option::kTrafficClassIPv6, kIPv6, IPPROTO_IPV6, IPV6_TCLASS},
#endif
};

}  // namespace

const Kernel kKernel = {
    {nullptr, 0},
    {nullptr, 0},
    {nullptr, 0},
    {nullptr, 0},
    kDontRoute,
    /* source_needs_wildcard */ false,
    /* interface_discards_source */ false,
    // Where ENOBUFS comes it is lack of room for a moment, and no event says when it ends.
    /* no_buffers_means_wait */ true,
    /* infer_cast */ nullptr,
    /* receive_error */ nullptr,
};

const Table<OptionRow> kPlatformOptions = TableOf(kOptionRows);

int SendMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  return SendEach(descriptor, headers, count, flags);
}

int ReceiveMany(Descriptor descriptor, MessageHeader* headers, unsigned count, int flags) {
  return ReceiveEach(descriptor, headers, count, flags);
}

int NativeFlags(uint8_t flags) { return flags & kDontRoute ? MSG_DONTROUTE : 0; }

}  // namespace datagram
