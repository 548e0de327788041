// Messages become units, and a batch of units becomes one system call.
#ifndef SENDMSG_SRC_BATCH_H_
#define SENDMSG_SRC_BATCH_H_

#include "backend.h"
#include "control.h"
#include "workspace.h"

namespace datagram {

// What holds for a whole system call, so that a batch is cut where it changes.
struct CallSettings {
  uint8_t flags = 0;
  uint32_t emulated = 0;  // rows of the table, as bits
  int values[kMostEmulated] = {};
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
  int before_[kMostEmulated] = {};
};

// Fills the headers of one system call.
class Batch {
 public:
  Batch(Workspace& workspace, const SocketState& state, uint32_t max_segments,
        uint32_t most_units = kBatch)
      : workspace_(workspace),
        state_(state),
        max_segments_(max_segments),
        most_units_(most_units) {}

  // Adds as much of the messages as goes in one call. A message that cannot be written down at all
  // is reported when it comes first.
  Status Fill(const OutgoingMessage* messages, uint32_t count);

  uint32_t units() const { return units_; }
  const CallSettings& settings() const { return settings_; }

 private:
  Status Add(const OutgoingMessage& message, uint32_t index);
  Status AddUnit(const OutgoingMessage& message, uint32_t index, uint32_t end, bool offloaded,
                 const Buffer* pieces, uint32_t count);

  Workspace& workspace_;
  const SocketState& state_;
  const uint32_t max_segments_;
  const uint32_t most_units_;
  CallSettings settings_;
  uint32_t units_ = 0;
  uint32_t pieces_used_ = 0;
  size_t control_used_ = 0;
};

// Notes in its message that the kernel took a unit; true when the message is complete. Where it
// was taken after offload had failed, the destination is remembered.
bool TakeUnit(Workspace& workspace, const Unit& unit, SendSlot& slot);
// Of a unit that was refused: true when its train goes on without offload.
bool GoesWithoutOffload(Status status, const Unit& unit, SendSlot& slot);

}  // namespace datagram

#endif  // SENDMSG_SRC_BATCH_H_
