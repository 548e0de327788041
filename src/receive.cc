// Receives a batch, and says in the slots what came.
#include "address.h"
#include "earlier_errors.h"
#include "scratch.h"
#include "syscalls.h"

namespace datagram {
namespace {

uint8_t* ControlRoom(Scratch& scratch, uint32_t index) {
  return reinterpret_cast<uint8_t*>(scratch.receive_control.get()) +
         static_cast<size_t>(index) * kReceiveControlRoom;
}

void Prepare(Scratch& scratch, const ReceiveArea& area, const DirectPlaces& direct, uint32_t index,
             size_t length) {
  Buffer* iovecs = scratch.iovecs + static_cast<size_t>(index) * 2;
  uint8_t* data = area.data + index * area.data_stride;
  size_t count = 1;
  if (index >= direct.count) {
    iovecs[0] = MakeBuffer(data, length);
  } else if (length <= direct.length) {
    iovecs[0] = MakeBuffer(direct.places[index], length);
  } else {
    iovecs[0] = MakeBuffer(direct.places[index], direct.length);
    iovecs[1] = MakeBuffer(data + direct.length, length - direct.length);
    count = 2;
  }
  // All the room there is, whatever the caller's: control data that the kernel cuts off can be what
  // says where the data is to be split, and a part of an integer. Describe() keeps to the caller's.
  SetMessage(scratch.headers[index], &scratch.names[index].any, sizeof scratch.names[index], iovecs,
             count, ControlRoom(scratch, index), kReceiveControlRoom);
}

// Raw IPv4 sockets deliver the IP header (raw(7)); its length is in its first byte (RFC 791, 3.1).
uint32_t HeaderLength(const SocketState& state, const uint8_t* data, size_t size) {
  if (!state.raw || state.family != kIPv4 || size == 0) return 0;
  const uint32_t header = (data[0] & 0x0fU) * 4;
  return header <= size ? header : static_cast<uint32_t>(size);
}

void Describe(Scratch& scratch, const SocketState& state, const ReceiveArea& area, uint32_t index,
              size_t length, size_t control_length, bool want_records) {
  const MessageHeader& header = scratch.headers[index];
  ReceiveSlot& slot = area.slots[index];
  std::memset(&slot, 0, sizeof slot);
  const Address sender = Decode(scratch.names[index], NameLength(header));
  slot.family = sender.family;
  slot.port = state.raw ? 0 : sender.port;
  slot.addressScope = sender.scope;
  if (sender.family == kIPv4) {
    // Copy only the four bytes just stored: a wider load would defeat store forwarding.
    std::memcpy(slot.address, sender.bytes, 4);
  } else {
    std::memcpy(slot.address, sender.bytes, sizeof slot.address);
  }

  slot.offset = HeaderLength(state, area.data + index * area.data_stride, MessageSize(header));
  slot.size = static_cast<uint32_t>(MessageSize(header)) - slot.offset;
  if (IsTruncated(header)) slot.present |= kTruncated;
  if (slot.size > length) {
    slot.size = static_cast<uint32_t>(length);
    slot.present |= kTruncated;
  }
  slot.controlOffset = static_cast<uint32_t>(index * area.record_stride);
  const bool fits = DecodeControl(
      ThisKernel(), ControlRoom(scratch, index), ControlUsed(header), control_length, slot,
      want_records ? area.records + slot.controlOffset : nullptr, area.record_stride);
  if (!fits || IsControlTruncated(header)) {
    slot.present |= kControlTruncated;
  } else {
    slot.present |= slot.family == kIPv6 ? state.zero_if_absent.ipv6 : state.zero_if_absent.ipv4;
  }
  if (IsMulticast(header)) slot.cast = kMulticast;
  if (IsBroadcast(header)) slot.cast = kBroadcast;
  // Coalesced datagrams no longer than one segment are one datagram.
  if (slot.segmentSize >= slot.size && (slot.present & kTruncated) == 0) slot.segmentSize = 0;
  if (ThisKernel().infer_cast != nullptr) ThisKernel().infer_cast(slot);
}

}  // namespace

Status Receive(Scratch& scratch, const SocketState& state, const ReceiveArea& area,
               const DirectPlaces& direct, uint32_t count, size_t length, size_t control_length,
               bool want_records, Wait& wait) {
  wait = kDontWait;
  // The caller's length is for data: an IP header needs room of its own.
  const size_t room = state.raw ? kMaxDatagram : length;
  for (uint32_t index = 0; index < count; index++) {
    Prepare(scratch, area, direct, index, room);
  }
  EarlierErrors earlier(state);
  Status received = ReceiveHeaders(state, scratch.headers, count);
  while (received < 0) {
    const auto answer = earlier.AfterReceive(received);
    if (answer == EarlierErrors::Answer::kOwn) break;
    received =
        answer == EarlierErrors::Answer::kWait ? 0 : ReceiveHeaders(state, scratch.headers, count);
  }
  if (received <= 0) {
    if (received == 0) wait = kForRoom;
    return received;
  }
  for (uint32_t index = 0; index < static_cast<uint32_t>(received); index++) {
    Describe(scratch, state, area, index, length, control_length, want_records);
  }
  return received;
}

}  // namespace datagram
