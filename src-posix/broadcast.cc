#include "broadcast.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "cast.h"

namespace datagram {
namespace {

// The host's, and so one for all threads.
struct BroadcastAddresses {
  pthread_mutex_t mutex;
  bool read;
  time_t when;  // on the monotonic clock, in seconds
  in_addr_t* addresses;
  size_t count;
};
BroadcastAddresses known = {PTHREAD_MUTEX_INITIALIZER, false, 0, nullptr, 0};

const sockaddr_in* BroadcastOf(const ifaddrs& interface) {
  if (!(interface.ifa_flags & IFF_BROADCAST) || interface.ifa_addr == nullptr ||
      interface.ifa_addr->sa_family != AF_INET || interface.ifa_broadaddr == nullptr) {
    return nullptr;
  }
  return reinterpret_cast<const sockaddr_in*>(interface.ifa_broadaddr);
}

// Leaves what was known when there is no memory.
void Read() {
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return;
  size_t count = 0;
  for (const ifaddrs* at = interfaces; at != nullptr; at = at->ifa_next) {
    if (BroadcastOf(*at) != nullptr) count++;
  }
  auto* addresses = static_cast<in_addr_t*>(std::malloc((count + 1) * sizeof(in_addr_t)));
  if (addresses != nullptr) {
    std::free(known.addresses);
    known.addresses = addresses;
    known.count = 0;
    for (const ifaddrs* at = interfaces; at != nullptr; at = at->ifa_next) {
      const sockaddr_in* broadcast = BroadcastOf(*at);
      if (broadcast != nullptr) addresses[known.count++] = broadcast->sin_addr.s_addr;
    }
  }
  freeifaddrs(interfaces);
}

// Whether an interface has this broadcast address.
bool IsBroadcast(in_addr_t address) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  pthread_mutex_lock(&known.mutex);
  if (!known.read || now.tv_sec != known.when) {
    known.read = true;
    known.when = now.tv_sec;
    Read();
  }
  bool found = false;
  for (size_t index = 0; index < known.count && !found; index++) {
    found = known.addresses[index] == address;
  }
  pthread_mutex_unlock(&known.mutex);
  return found;
}

}  // namespace

void InferCastByInterfaces(ReceiveSlot& slot) {
  slot.cast = CastOf(slot.destinationFamily, slot.destination);
  if (slot.destinationFamily != kIPv4 || slot.cast != kUnicast) return;
  in_addr_t address;
  std::memcpy(&address, slot.destination, sizeof address);
  if (IsBroadcast(address)) slot.cast = kBroadcast;
}

}  // namespace datagram
