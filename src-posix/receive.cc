// recvmsg(2) and recvmmsg(2).
#include <sys/socket.h>

#include <cerrno>

#include "workspace.h"

namespace datagram {
namespace {

uint8_t* ControlRoom(Workspace& workspace, uint32_t index) {
  return reinterpret_cast<uint8_t*>(workspace.receive_control.get()) +
         static_cast<size_t>(index) * kReceiveControlRoom;
}

void Prepare(Workspace& workspace, const ReceiveArea& area, uint32_t index, size_t length,
             size_t control_length) {
  MultiHeader& multi = workspace.headers[index];
  workspace.pieces[index] = {area.data + index * area.data_stride, length};
  multi.msg_hdr.msg_name = &workspace.names[index];
  multi.msg_hdr.msg_namelen = sizeof workspace.names[index];
  multi.msg_hdr.msg_iov = &workspace.pieces[index];
  multi.msg_hdr.msg_iovlen = 1;
  multi.msg_hdr.msg_control = control_length == 0 ? nullptr : ControlRoom(workspace, index);
  multi.msg_hdr.msg_controllen =
      static_cast<decltype(multi.msg_hdr.msg_controllen)>(control_length);
  multi.msg_hdr.msg_flags = 0;
  multi.msg_len = 0;
}

// Raw IPv4 sockets deliver the IP header (raw(7)); its length is in its first byte (RFC 791, 3.1).
uint32_t HeaderLength(const SocketState& state, const uint8_t* data, size_t size) {
  if (!state.raw || state.family != kIPv4 || size == 0) return 0;
  const uint32_t header = (data[0] & 0x0fU) * 4;
  return header <= size ? header : static_cast<uint32_t>(size);
}

void Describe(Workspace& workspace, const SocketState& state, const ReceiveArea& area,
              uint32_t index, size_t length, bool want_records) {
  MultiHeader& multi = workspace.headers[index];
  ReceiveSlot& slot = area.slots[index];
  std::memset(&slot, 0, sizeof slot);
  const Address sender = Decode(workspace.names[index], multi.msg_hdr.msg_namelen);
  slot.family = sender.family;
  slot.port = state.raw ? 0 : sender.port;
  slot.addressScope = sender.scope;
  std::memcpy(slot.address, sender.bytes, sizeof slot.address);

  slot.offset = HeaderLength(state, area.data + index * area.data_stride, multi.msg_len);
  slot.size = static_cast<uint32_t>(multi.msg_len) - slot.offset;
  if (multi.msg_hdr.msg_flags & MSG_TRUNC) slot.present |= kTruncated;
  if (slot.size > length) {
    slot.size = static_cast<uint32_t>(length);
    slot.present |= kTruncated;
  }
  if (multi.msg_hdr.msg_flags & MSG_CTRUNC) slot.present |= kControlTruncated;
  slot.controlOffset = static_cast<uint32_t>(index * area.record_stride);
  DecodeControl(kKernel, ControlRoom(workspace, index), multi.msg_hdr.msg_controllen, slot,
                want_records ? area.records + slot.controlOffset : nullptr, area.record_stride);
  // A train that is no longer than one segment is a datagram.
  if (slot.segmentSize >= slot.size) slot.segmentSize = 0;
  if (kKernel.complete != nullptr) kKernel.complete(slot);
}

}  // namespace

Status Receive(Workspace& workspace, const SocketState& state, const ReceiveArea& area,
               uint32_t count, size_t length, size_t control_length, bool want_records,
               Wait& wait) {
  wait = kDontWait;
  // The caller's length is for data: an IP header needs room of its own.
  const size_t room = state.raw ? kMaxDatagram : length;
  for (uint32_t index = 0; index < count; index++) {
    Prepare(workspace, area, index, room, control_length);
  }
  int received;
  do {
    if (count == 1) {
      const ssize_t size = recvmsg(state.descriptor, &workspace.headers[0].msg_hdr, MSG_DONTWAIT);
      workspace.headers[0].msg_len =
          static_cast<decltype(workspace.headers[0].msg_len)>(size < 0 ? 0 : size);
      received = size < 0 ? -1 : 1;
    } else {
      received = ReceiveMany(state.descriptor, workspace.headers, count, MSG_DONTWAIT);
    }
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) return -errno;
    wait = kForRoom;
    return 0;
  }
  for (uint32_t index = 0; index < static_cast<uint32_t>(received); index++) {
    Describe(workspace, state, area, index, length, want_records);
  }
  return received;
}

}  // namespace datagram
