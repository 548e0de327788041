// Splits messages into packets and fills the headers of one system call with them.
#ifndef SENDMSG_SRC_BATCH_H_
#define SENDMSG_SRC_BATCH_H_

#include "backend.h"
#include "control.h"
#include "scratch.h"

namespace datagram {

// What holds for a whole system call: a batch ends where it changes.
struct CallSettings {
  uint8_t flags = 0;
  uint32_t emulated = 0;  // rows of the table, as bits
  int values[kMaxEmulated] = {};
  bool refused = false;  // this kernel has the fields, and not on this socket

  bool operator==(const CallSettings& other) const {
    return flags == other.flags && emulated == other.emulated &&
           (emulated == 0 || std::memcmp(values, other.values, sizeof values) == 0);
  }
};

// Sets what is only a socket option here, and puts it back.
class Emulation {
 public:
  Emulation(const SocketState& state, const CallSettings& settings);
  ~Emulation();
  Emulation(const Emulation&) = delete;
  Emulation& operator=(const Emulation&) = delete;

  Status status() const { return status_; }

 private:
  const SocketState& state_;
  Status status_ = 0;
  uint32_t changed_ = 0;
  int before_[kMaxEmulated] = {};
};

// Fills the headers of one system call.
class Batch {
 public:
  Batch(Scratch& scratch, const SocketState& state, uint32_t max_segments,
        uint32_t max_packets = kBatch)
      : scratch_(scratch), state_(state), max_segments_(max_segments), max_packets_(max_packets) {}

  // Adds as much of the messages as one call takes. Reports a message that cannot be encoded only
  // when it comes first.
  Status Fill(const OutgoingMessage* messages, uint32_t count);

  uint32_t packets() const { return packets_; }
  const CallSettings& settings() const { return settings_; }

 private:
  Status Add(const OutgoingMessage& message, uint32_t index);
  Status AddPacket(const OutgoingMessage& message, uint32_t index, uint32_t end, bool offloaded,
                   const Buffer* iovecs, uint32_t count);

  Scratch& scratch_;
  const SocketState& state_;
  const uint32_t max_segments_;
  const uint32_t max_packets_;
  CallSettings settings_;
  uint32_t packets_ = 0;
  uint32_t iovecs_used_ = 0;
  size_t control_used_ = 0;
};

// Records in the slot that the kernel took a packet; true when the message is complete. Remembers
// the destination if offload had failed before.
bool TakePacket(Scratch& scratch, const Packet& packet, SendSlot& slot);
// Whether the segmented message of a packet that was refused goes on without offload.
bool GoesWithoutOffload(Status status, const Packet& packet, SendSlot& slot);

}  // namespace datagram

#endif  // SENDMSG_SRC_BATCH_H_
