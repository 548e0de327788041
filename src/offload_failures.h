// Destinations to which segmentation offload failed: a path with a small MTU, or a network
// interface that cannot do it. One such client must not cost a server its offload to all others.
#ifndef SENDMSG_SRC_OFFLOAD_FAILURES_H_
#define SENDMSG_SRC_OFFLOAD_FAILURES_H_

#include <uv.h>

#include <cstdint>
#include <cstring>

#include "layout.h"

namespace datagram {

class OffloadFailures {
 public:
  // Whether a message is to go there without offload.
  bool Has(const SendSlot& slot) const {
    if (used_ == 0) return false;
    const Entry& entry = entries_[Place(slot)];
    return IsOf(entry, slot) && slot.segmentSize >= entry.segment_size && uv_hrtime() < entry.until;
  }

  // `any_size`: shorter segments fail, too.
  void Add(const SendSlot& slot, bool any_size) {
    Entry& entry = entries_[Place(slot)];
    const uint64_t now = uv_hrtime();
    const bool known = IsOf(entry, slot) && now < entry.until;
    const uint32_t size = any_size ? 1 : slot.segmentSize;
    if (!known || size < entry.segment_size) entry.segment_size = size;
    entry.family = slot.controlFamily;
    std::memcpy(entry.address, slot.destination, sizeof entry.address);
    entry.until = now + kRemembered;
    used_ = 1;
  }

  void Clear() {
    std::memset(entries_, 0, sizeof entries_);
    used_ = 0;
  }

 private:
  // As long as Linux remembers a path's MTU (net.ipv4.route.mtu_expires): ten minutes, in ns.
  static constexpr uint64_t kRemembered = uint64_t{600} * 1000 * 1000 * 1000;
  // A new destination takes the place of another one with the same hash.
  static constexpr uint32_t kPlaces = 256;

  struct Entry {
    uint64_t until;
    uint32_t segment_size;  // the smallest that failed
    uint8_t family;         // 0: none
    uint8_t address[16];
  };

  static uint32_t Place(const SendSlot& slot) {
    uint32_t hash = 2166136261U;  // FNV-1a
    for (const uint8_t byte : slot.destination) hash = (hash ^ byte) * 16777619U;
    return (hash ^ (hash >> 16)) % kPlaces;
  }
  static bool IsOf(const Entry& entry, const SendSlot& slot) {
    return entry.family == slot.controlFamily &&
           std::memcmp(entry.address, slot.destination, sizeof entry.address) == 0;
  }

  Entry entries_[kPlaces] = {};
  uint32_t used_ = 0;
};

}  // namespace datagram

#endif  // SENDMSG_SRC_OFFLOAD_FAILURES_H_
