// Control messages as data, and the one encoder and iterator for them. A backend's tables say which
// control message carries which field (one row each); everything here is the same on all platforms.
// platform.h, from the backend that is built, brings ControlHeader and the CMSG or WSA_CMSG macros.
#ifndef SENDMSG_SRC_CONTROL_H_
#define SENDMSG_SRC_CONTROL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "layout.h"
#include "platform.h"

namespace datagram {

// A control message that can be sent.
struct SendControl {
  uint32_t fields;  // Field bits that it carries
  Family family;    // the level's family; kNoFamily: any
  int level;
  int type;
  size_t size;                                             // of the payload
  void (*encode)(const SendSlot& slot, uint8_t* payload);  // which is zeroed
};

template <typename T>
void Put(uint8_t* payload, T value) {
  std::memcpy(payload, &value, sizeof value);
}

// The row of a control message whose payload is what `make` returns: no encoder can write more than
// the row has room for.
template <auto make>
constexpr SendControl SendRow(uint32_t fields, Family family, int level, int type) {
  using Payload = decltype(make(std::declval<const SendSlot&>()));
  static_assert(std::is_trivially_copyable_v<Payload>);
  return {
      fields,          family,
      level,           type,
      sizeof(Payload), [](const SendSlot& slot, uint8_t* payload) { Put(payload, make(slot)); }};
}

// A control message that can be received. One that is shorter than `min_size` is passed over: it
// was cut off, or is another kernel's. Where kernels differ in payload sizes, decoders go by the
// length that is there.
struct ReceiveControl {
  int level;
  int type;
  size_t min_size;
  void (*decode)(const uint8_t* payload, size_t length, ReceiveSlot& slot);
  // Decoded however little room the caller gives: it says where the data is to be split.
  bool always = false;
};

// The socket option that makes the kernel deliver fields.
struct ReceiveOption {
  uint32_t fields;
  Family family;  // kNoFamily: whatever the socket's family
  int level;
  int option;
  int value = 1;
  // The kernel leaves the control message out where the value is 0.
  bool omits_zero = false;
};

// A field that this kernel only has as a socket option: read, set, sent, restored in one call.
// Where a field has rows and none of them fits a message, the message is refused.
struct EmulatedField {
  uint32_t fields;
  Family family;  // of the destination
  int level;
  int option;
  int (*value)(const SendSlot& slot);
  Family socket = kNoFamily;                        // of the socket; kNoFamily: any
  bool (*applies)(const SendSlot& slot) = nullptr;  // null: always
  // A control message carries the field, and this makes it exact: on sockets of ours alone.
  bool refines = false;
};

// Rows of EmulatedField that a kernel can have: the calls keep their values on the stack.
constexpr size_t kMaxEmulated = 4;
static_assert(kMaxEmulated <= 32, "a row is a bit of CallSettings::emulated");

template <typename Row>
struct Table {
  const Row* rows;
  size_t count;
  const Row* begin() const { return rows; }
  const Row* end() const { return rows + count; }
};

template <typename Row, size_t N>
constexpr Table<Row> TableOf(const Row (&rows)[N]) {
  static_assert(!std::is_same_v<Row, EmulatedField> || N <= kMaxEmulated, "raise kMaxEmulated");
  return {rows, N};
}

// Bits of the traffic class octet, by family.
struct ClassBits {
  uint8_t ipv4 = 0xff;
  uint8_t ipv6 = 0xff;
};

// The tables of one kernel, and what it does differently.
struct Kernel {
  Table<SendControl> send;
  Table<ReceiveControl> receive;
  Table<ReceiveOption> receive_options;
  Table<EmulatedField> emulated;
  uint8_t send_flags;              // SendFlag bits that its send call knows
  bool source_needs_wildcard;      // an IPv4 source or interface: only bound to the wildcard
  bool interface_discards_source;  // an IPv4 interface beats an IPv4 source, which is then lost
  bool no_buffers_means_wait;      // ENOBUFS is back-pressure, and no event says when it ends
  void (*infer_cast)(ReceiveSlot& slot);  // where no control message reports it; may be null
  // Takes one error from the error queue, and the start of its datagram: 1, or the platform's
  // error, negated; 0: there is none, and none is pending. Null: this kernel has no such queue.
  int32_t (*receive_error)(Descriptor descriptor, Buffer data, ErrorSlot& slot);
  uint32_t dropped_by_raw_ipv4 = 0;          // fields whose control messages raw sockets pass over
  int min_send_buffer = 0;                   // a smaller buffer refuses what could be sent
  ClassBits send_class = {};                 // what it can send of the traffic class
  ClassBits reported_class = {};             // what it reports of it
  bool sends_congestion_experienced = true;  // the ECN value 3 (RFC 3168, 5)
  size_t max_control = SIZE_MAX;             // more control data than this can be ENOBUFS by itself
};

// The room that one message's typed control data can take: every row that can go with it.
inline size_t TypedControlSpace(const Table<SendControl>& rows) {
  size_t space = 0;
  for (const SendControl& row : rows) space += ControlSpace(row.size);
  return space;
}

// Fills a control buffer. What it hands out is zeroed, padding included.
class ControlWriter {
 public:
  ControlWriter(uint8_t* buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {}

  // Where the payload of the next message goes; null when it does not fit.
  uint8_t* Add(int level, int type, size_t size) {
    const size_t space = ControlSpace(size);
    if (space > capacity_ - used_) return nullptr;
    std::memset(buffer_ + used_, 0, space);
    auto* header = reinterpret_cast<ControlHeader*>(buffer_ + used_);
    SetControlHeader(header, level, type, size);
    used_ += space;
    return ControlData(header);
  }

  // Exactly what was used: a length beyond it makes kernels read garbage.
  size_t used() const { return used_; }

 private:
  uint8_t* buffer_;
  size_t capacity_;
  size_t used_ = 0;
};

// Writes the typed fields of a message, then its raw records.
inline bool EncodeControl(const Kernel& kernel, const SendSlot& slot, uint32_t fields,
                          const uint8_t* records, ControlWriter& writer) {
  for (const SendControl& row : kernel.send) {
    if ((row.fields & fields) == 0) continue;
    if (row.family != kNoFamily && row.family != slot.controlFamily) continue;
    uint8_t* payload = writer.Add(row.level, row.type, row.size);
    if (payload == nullptr) return false;
    row.encode(slot, payload);
  }
  const uint8_t* end = records + slot.controlLength;
  while (records < end) {
    ControlRecord record;
    std::memcpy(&record, records, sizeof record);
    uint8_t* payload = writer.Add(record.level, record.type, record.length);
    if (payload == nullptr) return false;
    std::memcpy(payload, records + sizeof record, record.length);
    records += RecordSpace(record.length);
  }
  return true;
}

// Calls visit(level, type, payload, length) for each control message that is there whole. Goes by
// the lengths alone and never looks ahead: macOS before 14 loops on zeroed ones in CMSG_NXTHDR.
template <typename Visit>
void ForEachControl(uint8_t* buffer, size_t length, const Visit& visit) {
  size_t at = 0;
  while (length - at >= ControlLength(0)) {
    auto* header = reinterpret_cast<ControlHeader*>(buffer + at);
    const size_t whole = header->cmsg_len;
    if (whole < ControlLength(0) || whole > length - at) return;
    const size_t size = whole - ControlLength(0);
    visit(header->cmsg_level, header->cmsg_type, ControlData(header), size);
    const size_t space = ControlSpace(size);
    if (space >= length - at) return;
    at += space;
  }
}

// Decodes what the tables know, and copies every message to `records` when raw control is asked
// for. Of `length` bytes the caller has room for `room`: messages that end beyond it, and all that
// follow the first of them, are left out, as recvmsg(2) cuts control data off. Returns whether all
// had room.
inline bool DecodeControl(const Kernel& kernel, uint8_t* buffer, size_t length, size_t room,
                          ReceiveSlot& slot, uint8_t* records, size_t capacity) {
  size_t used = 0;
  bool fits = true;
  ForEachControl(buffer, length, [&](int level, int type, const uint8_t* payload, size_t size) {
    if (payload + size > buffer + room) fits = false;
    for (const ReceiveControl& row : kernel.receive) {
      if (row.level != level || row.type != type || size < row.min_size) continue;
      if (fits || row.always) row.decode(payload, size, slot);
      break;
    }
    if (!fits || records == nullptr || RecordSpace(size) > capacity - used) return;
    ControlRecord record = {};
    record.level = level;
    record.type = type;
    record.length = static_cast<uint32_t>(size);
    std::memcpy(records + used, &record, sizeof record);
    std::memcpy(records + used + sizeof record, payload, size);
    used += RecordSpace(size);
  });
  slot.controlLength = static_cast<uint32_t>(used);
  return fits;
}

// Reads an integer whose size kernels differ in: IP_TOS comes as one byte, or as four. Any other
// size is a part of one, of which nothing can be said.
inline bool ReadInteger(const uint8_t* payload, size_t length, uint32_t& value) {
  if (length == 1) {
    value = payload[0];
    return true;
  }
  if (length < sizeof(int)) return false;
  int whole;
  std::memcpy(&whole, payload, sizeof whole);
  value = static_cast<uint32_t>(whole);
  return true;
}

}  // namespace datagram

#endif  // SENDMSG_SRC_CONTROL_H_
