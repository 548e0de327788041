#include "batch.h"

#include "syscalls.h"

namespace datagram {
namespace {

// A UDP payload over IPv4 (65535 less the IP and UDP headers): the longest segmented message
// in one call.
constexpr uint32_t kMaxPayload = 65507;

CallSettings SettingsOf(const SocketState& state, const SendSlot& slot) {
  CallSettings settings;
  settings.flags = slot.flags;
  uint32_t asked = 0;
  uint32_t covered = 0;
  uint32_t index = 0;
  for (const EmulatedField& row : ThisKernel().emulated) {
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
  if (state.raw && state.family == kIPv4 && (slot.fields & ThisKernel().dropped_by_raw_ipv4) != 0) {
    settings.refused = true;
  }
  return settings;
}

// Walks the views of one message and makes iovecs of them.
class IovecCursor {
 public:
  IovecCursor(const OutgoingMessage& message, uint32_t skip) : message_(message) { Skip(skip); }

  // The next `length` bytes as at most `room` iovecs; 0 when they do not fit.
  uint32_t Take(uint32_t length, Buffer* iovecs, uint32_t room) {
    uint32_t count = 0;
    const uint32_t buffer = buffer_;
    const size_t within = within_;
    while (length > 0) {
      const Buffer& view = message_.buffers[buffer_];
      const size_t left = BufferLength(view) - within_;
      const size_t part = left < length ? left : length;
      if (part > 0) {
        if (count == room) {
          buffer_ = buffer;
          within_ = within;
          return 0;
        }
        iovecs[count++] = MakeBuffer(BufferData(view) + within_, part);
      }
      Advance(part);
      length -= static_cast<uint32_t>(part);
    }
    return count;
  }

 private:
  void Skip(uint32_t length) {
    while (length > 0) {
      const size_t left = BufferLength(message_.buffers[buffer_]) - within_;
      const size_t part = left < length ? left : length;
      Advance(part);
      length -= static_cast<uint32_t>(part);
    }
  }

  void Advance(size_t length) {
    within_ += length;
    if (within_ == BufferLength(message_.buffers[buffer_]) &&
        buffer_ + 1 < message_.slot->bufferCount) {
      buffer_++;
      within_ = 0;
    }
  }

  const OutgoingMessage& message_;
  uint32_t buffer_ = 0;
  size_t within_ = 0;
};

}  // namespace

Emulation::Emulation(const SocketState& state, const CallSettings& settings) : state_(state) {
  if (settings.emulated == 0) return;
  uint32_t index = 0;
  for (const EmulatedField& row : ThisKernel().emulated) {
    const uint32_t bit = 1U << index;
    if ((settings.emulated & bit) != 0) {
      status_ = state.owned
                    ? GetNativeOption(state.descriptor, row.level, row.option, before_[index])
                    : kNotSupported;
      if (status_ == 0) {
        status_ = SetNativeOption(state.descriptor, row.level, row.option, settings.values[index]);
      }
      if (status_ != 0) return;
      changed_ |= bit;
    }
    index++;
  }
}

Emulation::~Emulation() {
  if (changed_ == 0) return;
  uint32_t index = 0;
  for (const EmulatedField& row : ThisKernel().emulated) {
    if ((changed_ & (1U << index)) != 0) {
      SetNativeOption(state_.descriptor, row.level, row.option, before_[index]);
    }
    index++;
  }
}

Status Batch::Fill(const OutgoingMessage* messages, uint32_t count) {
  for (uint32_t index = 0; index < count && packets_ < max_packets_; index++) {
    const CallSettings settings = SettingsOf(state_, *messages[index].slot);
    if (settings.refused) return packets_ > 0 ? 0 : kNotSupported;
    if (index == 0) {
      settings_ = settings;
    } else if (!(settings == settings_)) {
      break;
    }
    const Status status = Add(messages[index], index);
    if (status != 0) return packets_ > 0 ? 0 : status;
    // What did not fit goes with the next call: the rest of this message, or all of it.
    if (packets_ == 0) return kInvalidArgument;
    const Packet& packet = scratch_.packets[packets_ - 1];
    if (packet.message != index || !packet.last) break;
  }
  return 0;
}

Status Batch::Add(const OutgoingMessage& message, uint32_t index) {
  const SendSlot& slot = *message.slot;
  const auto length = static_cast<uint32_t>(message.length);
  const bool segmented = (slot.fields & kSegmentSize) != 0 && length > slot.segmentSize;
  if (!segmented)
    return AddPacket(message, index, length, false, message.buffers, slot.bufferCount);

  const bool offload = state_.segmentation && slot.withoutOffload == kOffload &&
                       !scratch_.offload_failures.Has(slot);
  uint32_t step = slot.segmentSize;
  if (offload) {
    const uint32_t fit = kMaxPayload / slot.segmentSize;
    step *= fit < 1 ? 1 : fit < max_segments_ ? fit : max_segments_;
  }
  IovecCursor iovecs(message, slot.progress);
  for (uint32_t at = slot.progress; at < length && packets_ < max_packets_;) {
    const uint32_t size = length - at < step ? length - at : step;
    Buffer* first = scratch_.iovecs + iovecs_used_;
    const uint32_t room = kBatch + kMaxBuffers - iovecs_used_;
    const uint32_t taken = iovecs.Take(size, first, room);
    if (taken == 0) return 0;  // an empty batch always has room
    iovecs_used_ += taken;
    at += size;
    const Status status = AddPacket(message, index, at, size > slot.segmentSize, first, taken);
    if (status != 0) return packets_ > 0 ? 0 : status;
  }
  return 0;
}

Status Batch::AddPacket(const OutgoingMessage& message, uint32_t index, uint32_t end,
                        bool offloaded, const Buffer* iovecs, uint32_t count) {
  const SendSlot& slot = *message.slot;
  SocketAddress& name = scratch_.names[packets_];
  socklen_t name_length = 0;
  if (slot.destinationFamily != kNoFamily) {
    Address address;
    address.family = static_cast<Family>(slot.destinationFamily);
    address.port = slot.destinationPort;
    address.scope = slot.destinationScope;
    std::memcpy(address.bytes, slot.destination, sizeof address.bytes);
    name_length = Encode(state_.family, address, name);
    if (name_length == 0) return kOtherFamily;
  }

  uint8_t* control = nullptr;
  size_t control_length = 0;
  const uint32_t fields = offloaded ? slot.fields : slot.fields & ~kSegmentSize;
  if (fields != 0) {
    uint8_t* room = reinterpret_cast<uint8_t*>(scratch_.send_control.get()) + control_used_;
    ControlWriter writer(room, scratch_.send_control_size - control_used_);
    if (!EncodeControl(ThisKernel(), slot, fields, message.records, writer)) return kNoBufferSpace;
    control_length = writer.used();
    // NetBSD and Windows require a null pointer where there is no control data.
    if (control_length > 0) control = room;
    control_used_ += control_length;
  }
  SetMessage(scratch_.headers[packets_], name_length > 0 ? &name.any : nullptr, name_length, iovecs,
             count, control, control_length);
  scratch_.packets[packets_] = {index, end, end == message.length, offloaded};
  packets_++;
  return 0;
}

bool TakePacket(Scratch& scratch, const Packet& packet, SendSlot& slot) {
  slot.progress = packet.end;
  if (slot.withoutOffload == kTooLongForOffload || slot.withoutOffload == kNoOffloadThere) {
    scratch.offload_failures.Add(slot, slot.withoutOffload == kNoOffloadThere);
    slot.withoutOffload = kRememberedWithout;
  }
  if (!packet.last) return false;
  slot.sent = packet.end;
  return true;
}

bool GoesWithoutOffload(Status status, const Packet& packet, SendSlot& slot) {
  if (!packet.offloaded) return false;
  const SendFailure failure = FailureOf(status);
  if (failure == SendFailure::kTooLong || failure == SendFailure::kNoOffload) {
    slot.withoutOffload = kTooLongForOffload;
  } else if (failure == SendFailure::kNoOffloadAtAll) {
    slot.withoutOffload = kNoOffloadThere;
  } else {
    return false;
  }
  return true;
}

}  // namespace datagram
