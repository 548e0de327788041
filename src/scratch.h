// Scratch memory of one environment's calls: headers, names, iovecs and control data of one batch.
// It lives as long as the environment, so that a call allocates nothing.
#ifndef SENDMSG_SRC_SCRATCH_H_
#define SENDMSG_SRC_SCRATCH_H_

#include <memory>

#include "address.h"
#include "backend.h"
#include "control.h"
#include "offload_failures.h"

namespace datagram {

constexpr uint32_t kBatch = kSlotCount;

// One kernel message of a batch: a datagram, or as many segments as the kernel takes at once.
struct Packet {
  uint32_t message;  // index of the message that it belongs to
  uint32_t end;      // the message's progress once this packet is taken
  bool last;         // the message is complete with it
  bool offloaded;
};

class Scratch {
 public:
  Scratch()
      : typed_space(TypedControlSpace(ThisKernel().send)),
        send_control_size(kBatch * typed_space + kSendControlArena),
        send_control(new uint64_t[send_control_size / sizeof(uint64_t) + 1]),
        receive_control(
            new uint64_t[static_cast<size_t>(kBatch) * kReceiveControlRoom / sizeof(uint64_t)]) {}

  const PlatformSession session{};
  const size_t typed_space;
  const size_t send_control_size;
  std::unique_ptr<uint64_t[]> send_control;  // in words, for ControlHeader's alignment
  std::unique_ptr<uint64_t[]> receive_control;
  MessageHeader headers[kBatch] = {};
  SocketAddress names[kBatch] = {};
  Packet packets[kBatch] = {};
  OffloadFailures offload_failures;
  // Packets of a segmented message need iovecs of their own; one packet can take all the views of
  // its message.
  Buffer iovecs[kBatch + kMaxBuffers] = {};
};

}  // namespace datagram

#endif  // SENDMSG_SRC_SCRATCH_H_
