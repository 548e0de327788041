// sendmsg(2) and sendmmsg(2): messages become units, a batch of units becomes one system call.
#include <sys/socket.h>

#include <cerrno>

#include "workspace.h"

namespace datagram {
namespace {

// A UDP payload over IPv4 (65535 less the IP and UDP headers): the longest train in one call.
constexpr uint32_t kMaxPayload = 65507;

// How a train that was refused goes on, in SendSlot::withoutOffload.
enum WithoutOffload : uint8_t {
  kOffload = 0,
  kRetryThisTrain = 1,    // EMSGSIZE: says nothing about the next one
  kRetryAndSwitchOff = 2  // EIO, EINVAL: offload does not work here, if the retry does
};

// What holds for a whole system call, so that a batch is cut where it changes.
struct CallSettings {
  uint8_t flags = 0;
  uint32_t emulated = 0;  // rows of the table, as bits
  int values[4] = {};
  bool refused = false;  // this kernel has the fields, and not on this socket

  bool operator==(const CallSettings& other) const {
    return flags == other.flags && emulated == other.emulated &&
           std::memcmp(values, other.values, sizeof values) == 0;
  }
};

CallSettings SettingsOf(const SocketState& state, const SendSlot& slot) {
  CallSettings settings;
  settings.flags = slot.flags;
  uint32_t asked = 0;
  uint32_t covered = 0;
  uint32_t index = 0;
  for (const EmulatedField& row : kKernel.emulated) {
    if ((row.fields & slot.fields) != 0 && row.family == slot.controlFamily &&
        (state.owned || !row.refines)) {
      if (!row.refines) asked |= row.fields;
      if ((row.socket == kNoFamily || row.socket == state.family) &&
          (row.applies == nullptr || row.applies(slot))) {
        if (!row.refines) covered |= row.fields;
        settings.emulated |= 1U << index;
        settings.values[index] = row.value(slot);
      }
    }
    index++;
  }
  settings.refused = asked != covered;
  if (state.raw && state.family == kIPv4 && (slot.fields & kKernel.dropped_by_raw_ipv4) != 0) {
    settings.refused = true;
  }
  return settings;
}

// Sets what is only a socket option here, and puts it back.
class Emulation {
 public:
  Emulation(const SocketState& state, const CallSettings& settings) : state_(state) {
    if (settings.emulated == 0) return;
    uint32_t index = 0;
    for (const EmulatedField& row : kKernel.emulated) {
      const uint32_t bit = 1U << index;
      if ((settings.emulated & bit) != 0) {
        socklen_t length = sizeof before_[index];
        if (!state.owned) {
          status_ = -EOPNOTSUPP;
          return;
        }
        if (getsockopt(state.descriptor, row.level, row.option, &before_[index], &length) < 0 ||
            setsockopt(state.descriptor, row.level, row.option, &settings.values[index],
                       sizeof settings.values[index]) < 0) {
          status_ = -errno;
          return;
        }
        changed_ |= bit;
      }
      index++;
    }
  }

  ~Emulation() {
    if (changed_ == 0) return;
    const int error = errno;
    uint32_t index = 0;
    for (const EmulatedField& row : kKernel.emulated) {
      if ((changed_ & (1U << index)) != 0) {
        setsockopt(state_.descriptor, row.level, row.option, &before_[index],
                   sizeof before_[index]);
      }
      index++;
    }
    errno = error;
  }

  Emulation(const Emulation&) = delete;
  Emulation& operator=(const Emulation&) = delete;

  Status status() const { return status_; }

 private:
  const SocketState& state_;
  Status status_ = 0;
  uint32_t changed_ = 0;
  int before_[4] = {};
};

// Walks the views of one message.
class Pieces {
 public:
  Pieces(const OutgoingMessage& message, uint32_t skip) : message_(message) { Skip(skip); }

  // The next `length` bytes as at most `room` pieces; 0 when they do not fit.
  uint32_t Take(uint32_t length, iovec* pieces, uint32_t room) {
    uint32_t count = 0;
    const uint32_t buffer = buffer_;
    const size_t within = within_;
    while (length > 0) {
      const iovec& view = message_.buffers[buffer_];
      const size_t part = view.iov_len - within_ < length ? view.iov_len - within_ : length;
      if (part > 0) {
        if (count == room) {
          buffer_ = buffer;
          within_ = within;
          return 0;
        }
        pieces[count++] = {static_cast<uint8_t*>(view.iov_base) + within_, part};
      }
      Advance(part);
      length -= static_cast<uint32_t>(part);
    }
    return count;
  }

 private:
  void Skip(uint32_t length) {
    while (length > 0) {
      const size_t left = message_.buffers[buffer_].iov_len - within_;
      const size_t part = left < length ? left : length;
      Advance(part);
      length -= static_cast<uint32_t>(part);
    }
  }

  void Advance(size_t length) {
    within_ += length;
    if (within_ == message_.buffers[buffer_].iov_len && buffer_ + 1 < message_.slot->bufferCount) {
      buffer_++;
      within_ = 0;
    }
  }

  const OutgoingMessage& message_;
  uint32_t buffer_ = 0;
  size_t within_ = 0;
};

// Fills one batch.
class Batch {
 public:
  Batch(Workspace& workspace, const SocketState& state, uint32_t max_segments)
      : workspace_(workspace), state_(state), max_segments_(max_segments) {}

  // Adds as much of the messages as goes in one call. A message that cannot be written down at all
  // is reported when it comes first.
  Status Fill(const OutgoingMessage* messages, uint32_t count) {
    for (uint32_t index = 0; index < count && units_ < kBatch; index++) {
      const CallSettings settings = SettingsOf(state_, *messages[index].slot);
      if (settings.refused) return units_ > 0 ? 0 : -EOPNOTSUPP;
      if (index == 0) {
        settings_ = settings;
      } else if (!(settings == settings_)) {
        break;
      }
      const Status status = Add(messages[index], index);
      if (status != 0) return units_ > 0 ? 0 : status;
      // What did not fit, of this message or all of it, goes with the next call.
      if (units_ == 0) return -EINVAL;
      const Unit& unit = workspace_.units[units_ - 1];
      if (unit.message != index || !unit.last) break;
    }
    return 0;
  }

  int Submit() {
    const int flags = MSG_DONTWAIT | NativeFlags(settings_.flags);
    if (units_ == 1) {
      return sendmsg(state_.descriptor, &workspace_.headers[0].msg_hdr, flags) < 0 ? -1 : 1;
    }
    return SendMany(state_.descriptor, workspace_.headers, units_, flags);
  }

  const CallSettings& settings() const { return settings_; }

 private:
  Status Add(const OutgoingMessage& message, uint32_t index) {
    const SendSlot& slot = *message.slot;
    const auto length = static_cast<uint32_t>(message.length);
    const bool train = (slot.fields & kSegmentSize) != 0 && length > slot.segmentSize;
    if (!train) return AddUnit(message, index, length, false, message.buffers, slot.bufferCount);

    const bool offload = state_.segmentation && slot.withoutOffload == kOffload;
    uint32_t step = slot.segmentSize;
    if (offload) {
      const uint32_t fit = kMaxPayload / slot.segmentSize;
      step *= fit < 1 ? 1 : fit < max_segments_ ? fit : max_segments_;
    }
    Pieces pieces(message, slot.progress);
    for (uint32_t at = slot.progress; at < length && units_ < kBatch;) {
      const uint32_t size = length - at < step ? length - at : step;
      iovec* first = workspace_.pieces + pieces_used_;
      const uint32_t room = kBatch + kMaxBuffers - pieces_used_;
      const uint32_t taken = pieces.Take(size, first, room);
      if (taken == 0) return 0;  // of an empty batch there is always room
      pieces_used_ += taken;
      at += size;
      const Status status = AddUnit(message, index, at, size > slot.segmentSize, first, taken);
      if (status != 0) return units_ > 0 ? 0 : status;
    }
    return 0;
  }

  Status AddUnit(const OutgoingMessage& message, uint32_t index, uint32_t end, bool offloaded,
                 const iovec* pieces, uint32_t count) {
    const SendSlot& slot = *message.slot;
    msghdr& header = workspace_.headers[units_].msg_hdr;
    std::memset(&header, 0, sizeof header);

    if (slot.destinationFamily != kNoFamily) {
      Address address;
      address.family = static_cast<Family>(slot.destinationFamily);
      address.port = slot.destinationPort;
      address.scope = slot.destinationScope;
      std::memcpy(address.bytes, slot.destination, sizeof address.bytes);
      header.msg_name = &workspace_.names[units_];
      header.msg_namelen = Encode(state_.family, address, workspace_.names[units_]);
      if (header.msg_namelen == 0) return -EAFNOSUPPORT;
    }
    header.msg_iov = const_cast<iovec*>(pieces);  // sendmsg(2) only reads it
    header.msg_iovlen = count;

    const uint32_t fields = offloaded ? slot.fields : slot.fields & ~kSegmentSize;
    if (fields != 0) {
      uint8_t* control = reinterpret_cast<uint8_t*>(workspace_.send_control.get()) + control_used_;
      ControlWriter writer(control, workspace_.send_control_size - control_used_);
      if (!EncodeControl(kKernel, slot, fields, message.records, writer)) return -ENOBUFS;
      if (writer.used() > 0) {
        header.msg_control = control;
        header.msg_controllen = static_cast<decltype(header.msg_controllen)>(writer.used());
        control_used_ += writer.used();
      }
    }
    workspace_.units[units_] = {index, end, end == message.length, offloaded};
    units_++;
    return 0;
  }

  Workspace& workspace_;
  const SocketState& state_;
  const uint32_t max_segments_;
  CallSettings settings_;
  uint32_t units_ = 0;
  uint32_t pieces_used_ = 0;
  size_t control_used_ = 0;
};

// What an ICMP error of an earlier datagram leaves behind on a socket that asked for IP_RECVERR.
bool IsEarlierError(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;
}

bool IsOffloadError(int error) { return error == EIO || error == EINVAL || error == EMSGSIZE; }

}  // namespace

WorkspacePointer CreateWorkspace() { return WorkspacePointer(new Workspace()); }
void WorkspaceDeleter::operator()(Workspace* workspace) const { delete workspace; }

SendOutcome Send(Workspace& workspace, SocketState& state, const OutgoingMessage* messages,
                 uint32_t count, uint32_t max_segments) {
  SendOutcome outcome;
  bool retried = false;
  while (outcome.taken < count) {
    const OutgoingMessage* rest = messages + outcome.taken;
    Batch batch(workspace, state, max_segments);
    outcome.status = batch.Fill(rest, count - outcome.taken);
    if (outcome.status != 0) return outcome;
    int taken;
    {
      const Emulation emulation(state, batch.settings());
      outcome.status = emulation.status();
      if (outcome.status != 0) return outcome;
      taken = batch.Submit();
    }
    if (taken > 0) {
      uint32_t complete = 0;
      for (int index = 0; index < taken; index++) {
        const Unit& unit = workspace.units[index];
        SendSlot& slot = *rest[unit.message].slot;
        slot.progress = unit.end;
        if (slot.withoutOffload == kRetryAndSwitchOff) state.segmentation = false;
        if (!unit.last) continue;
        slot.sent = unit.end;
        complete++;
      }
      outcome.taken += complete;
      retried = false;
      continue;
    }
    const int error = errno;
    SendSlot& slot = *rest[0].slot;
    if (error == EINTR) continue;
    if (error == EAGAIN || error == EWOULDBLOCK) {
      outcome.wait = kForRoom;
      return outcome;
    }
    if (error == ENOBUFS && kKernel.no_buffers_means_wait) {
      outcome.wait = kForBuffers;
      return outcome;
    }
    if (workspace.units[0].offloaded && IsOffloadError(error)) {
      slot.withoutOffload = error == EMSGSIZE ? kRetryThisTrain : kRetryAndSwitchOff;
      continue;
    }
    if (!state.owned && !retried && slot.destinationFamily != kNoFamily && IsEarlierError(error)) {
      retried = true;
      continue;
    }
    outcome.status = -error;
    return outcome;
  }
  return outcome;
}

}  // namespace datagram
