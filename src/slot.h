// The memory that both sides of the boundary share: what TypeScript writes and C++ reads for each
// message to send, and the reverse on receive. This is the one place that says how it is laid out:
// the tables below become the structs here and, through LayoutOf() in addon.cc, the offsets that
// lib/slots.ts works with. Numbers are in the machine's byte order, addresses in network order.
#ifndef SENDMSG_SRC_SLOT_H_
#define SENDMSG_SRC_SLOT_H_

#include <cstddef>
#include <cstdint>

namespace datagram {

enum Family : uint8_t { kNoFamily = 0, kIPv4 = 4, kIPv6 = 6 };

// The typed fields, as bits: what a message gives, what a row of a backend's tables carries, what
// a socket is asked to tell of each datagram.
enum Field : uint32_t {
  kSource = 1 << 0,
  kInterface = 1 << 1,
  kTrafficClass = 1 << 2,
  kHopLimit = 1 << 3,
  kDontFragmentField = 1 << 4,
  kSegmentSize = 1 << 5,
  kSendTime = 1 << 6,
  kControl = 1 << 7,
  kDestination = 1 << 8,
  kCastField = 1 << 9,
  kTimestamp = 1 << 10,
};

enum DontFragment : uint8_t { kAsSocket = 0, kMayFragment = 1, kNeverFragment = 2 };

enum SendFlag : uint8_t { kDontRoute = 1, kConfirm = 2, kPartial = 4, kOutOfBand = 8 };

enum Cast : uint8_t { kUnknownCast = 0, kUnicast = 1, kMulticast = 2, kBroadcast = 3 };

// Who found out about the error of a datagram (SO_EE_ORIGIN_ of linux/errqueue.h).
enum ErrorOrigin : uint8_t {
  kOriginLocal = 1,
  kOriginIcmp = 2,
  kOriginIcmp6 = 3,
  kOriginSendTime = 6,
};

// How a segmented message goes on whose offload failed.
enum WithoutOffload : uint8_t {
  kOffload = 0,
  kTooLongForOffload = 1,  // at least with segments of this size
  kNoOffloadThere = 2,     // with segments of any size
  kRememberedWithout = 3,  // its destination is remembered
};

// Which optional parts of a received message are there.
enum Present : uint8_t {
  kHasInterface = 1,
  kHasTrafficClass = 2,
  kHasHopLimit = 4,
  kHasTimestamp = 8,
  kTruncated = 16,
  kControlTruncated = 32,
  kHasEcn = 64,  // the ECN half of the traffic class alone
};

// X(type, name, array suffix, meaning). Widest members first, so that there is no padding.
#define SENDMSG_SEND_SLOT(X)                                                           \
  X(uint64_t, sendTime, , "ns on the monotonic clock")                                 \
  X(uint32_t, fields, , "Field bits: what the caller gave, and this kernel takes")     \
  X(uint32_t, destinationScope, , "IPv6 scope id")                                     \
  X(uint32_t, interfaceIndex, , "")                                                    \
  X(uint32_t, bufferCount, , "views of data that belong to this message")              \
  X(uint32_t, progress, , "in and out: bytes of a train that the kernel has taken")    \
  X(uint32_t, sent, , "out: bytes that the kernel took, when it took all")             \
  X(uint32_t, controlOffset, , "raw control records in the control arena")             \
  X(uint32_t, controlLength, , "0: none")                                              \
  X(uint32_t, segmentSize, , "0: one datagram")                                        \
  X(uint16_t, destinationPort, , "host order")                                         \
  X(uint8_t, destinationFamily, , "Family after un-mapping; 0: connected")             \
  X(uint8_t, controlFamily, , "Family: the level that control messages take")          \
  X(uint8_t, hopLimit, , "0: not given")                                               \
  X(uint8_t, trafficClass, , "the whole octet")                                        \
  X(uint8_t, trafficClassMask, , "the bits of trafficClass that the caller gave")      \
  X(uint8_t, dontFragment, , "DontFragment")                                           \
  X(uint8_t, flags, , "SendFlag bits")                                                 \
  X(uint8_t, withoutOffload, , "in and out: WithoutOffload")                           \
  X(uint8_t, reserved, [2], "")                                                        \
  X(uint8_t, destination, [16], "IPv4 in the first 4 bytes; of a connected peer, too") \
  X(uint8_t, source, [16], "of controlFamily; IPv4 in the first 4 bytes")

#define SENDMSG_RECEIVE_SLOT(X)                                                        \
  X(int64_t, timestamp, , "ns since the epoch")                                        \
  X(uint32_t, addressScope, , "IPv6 scope id")                                         \
  X(uint32_t, interfaceIndex, , "")                                                    \
  X(uint32_t, size, , "bytes of data")                                                 \
  X(uint32_t, offset, , "where the data starts in its chunk")                          \
  X(uint32_t, controlOffset, , "raw control records in the receive control arena")     \
  X(uint32_t, controlLength, , "")                                                     \
  X(uint32_t, segmentSize, , "0: not a train")                                         \
  X(uint16_t, port, , "host order")                                                    \
  X(uint8_t, family, , "Family of address, after un-mapping; 0: none")                 \
  X(uint8_t, destinationFamily, , "0: not known")                                      \
  X(uint8_t, cast, , "Cast")                                                           \
  X(uint8_t, trafficClass, , "")                                                       \
  X(uint8_t, hopLimit, , "")                                                           \
  X(uint8_t, present, , "Present bits")                                                \
  X(uint8_t, chunk, , "0: the chunk for small messages, 1: the large one, 2: a spare") \
  X(uint8_t, reserved, [3], "")                                                        \
  X(uint8_t, address, [16], "IPv4 in the first 4 bytes")                               \
  X(uint8_t, destination, [16], "IPv4 in the first 4 bytes")

// What became of a datagram that was sent (ip(7), IP_RECVERR).
#define SENDMSG_ERROR_SLOT(X)                                          \
  X(int32_t, status, , "the platform's error, negated")                \
  X(uint32_t, info, , "of EMSGSIZE: the MTU of the next hop")          \
  X(uint32_t, data, , "of a send time: its upper half; info: lower")   \
  X(uint32_t, addressScope, , "IPv6 scope id")                         \
  X(uint32_t, offenderScope, , "IPv6 scope id")                        \
  X(uint32_t, size, , "bytes of the datagram that came back")          \
  X(uint32_t, offset, , "where they start in the caller's memory")     \
  X(uint16_t, port, , "host order")                                    \
  X(uint8_t, family, , "Family of address, after un-mapping; 0: none") \
  X(uint8_t, offenderFamily, , "0: none")                              \
  X(uint8_t, origin, , "ErrorOrigin")                                  \
  X(uint8_t, type, , "of the ICMP message")                            \
  X(uint8_t, code, , "of the ICMP message")                            \
  X(uint8_t, reserved, , "")                                           \
  X(uint8_t, address, [16], "where the datagram was sent")             \
  X(uint8_t, offender, [16], "who sent the ICMP message")

// What a call reports beside its return value.
#define SENDMSG_REPORT(X)                                                                 \
  X(int32_t, status, , "0, or the platform's error, negated, of the message that failed") \
  X(int32_t, wait, , "Wait: what to wait for before the next attempt")                    \
  X(int32_t, packed, , "received messages that have found their place in a chunk")        \
  X(int32_t, smallUsed, , "bytes used of the chunk for small messages")                   \
  X(int32_t, largeUsed, , "bytes used of the large chunk that is filled now")             \
  X(int32_t, largeChunk, , "which that is: 0, or 1 and up for a spare one")               \
  X(int32_t, earlierErrors, , "1: receiveErrors() has errors of earlier datagrams")

#define SENDMSG_MEMBER(type, name, array, meaning) type name array;
struct SendSlot {
  SENDMSG_SEND_SLOT(SENDMSG_MEMBER)
};
struct ReceiveSlot {
  SENDMSG_RECEIVE_SLOT(SENDMSG_MEMBER)
};
struct ErrorSlot {
  SENDMSG_ERROR_SLOT(SENDMSG_MEMBER)
};
struct Report {
  SENDMSG_REPORT(SENDMSG_MEMBER)
};
#undef SENDMSG_MEMBER

static_assert(sizeof(SendSlot) == 88, "the send slot has no padding");
static_assert(offsetof(SendSlot, destination) % 4 == 0 && offsetof(SendSlot, source) % 4 == 0 &&
                  offsetof(ReceiveSlot, address) % 4 == 0 &&
                  offsetof(ReceiveSlot, destination) % 4 == 0 &&
                  offsetof(ErrorSlot, address) % 4 == 0 && offsetof(ErrorSlot, offender) % 4 == 0,
              "lib/ moves addresses in words of 32 bits");
static_assert(sizeof(ReceiveSlot) == 80, "the receive slot has no padding");
static_assert(sizeof(ErrorSlot) == 68, "the error slot has no padding");

// A raw control message in an arena: this header, then the payload, padded to 8 bytes. It takes at
// least as much room as CMSG_SPACE gives the same message on every platform, so an arena's size
// bounds the control buffer that its records need.
struct ControlRecord {
  int32_t level;
  int32_t type;
  uint32_t length;
  uint32_t reserved;
};
static_assert(sizeof(ControlRecord) == 16, "the widest cmsghdr is 16 bytes");

constexpr size_t RecordSpace(size_t length) {
  return sizeof(ControlRecord) + ((length + 7) & ~static_cast<size_t>(7));
}

// What to wait for when the kernel has no room.
enum Wait : int32_t {
  kDontWait = 0,
  kForRoom = 1,     // EAGAIN: writable will tell (readiness), or the completion (overlapped)
  kForBuffers = 2,  // ENOBUFS of the BSDs: nothing will tell, try again in a while
  kForTurn = 3,     // goes in one call only (emulated): alone, when there is room
};

constexpr uint32_t kSlotCount = 64;
constexpr uint32_t kSendControlArena = 64 * 1024;
constexpr uint32_t kReceiveControlRoom = 1024;
constexpr uint32_t kMaxBuffers = 1024;
constexpr uint32_t kMaxDatagram = 65535;
// Receive slots stand this far apart: a datagram, and a few cache lines more, so that the heads of
// a batch do not all fall into the same cache set.
constexpr uint32_t kReceiveStride = 65536 + 1088;
// Records take up to twice the room of the control messages that they are copied from.
constexpr uint32_t kRecordStride = 2 * kReceiveControlRoom;
constexpr uint32_t kMostSpareChunks = 16;
constexpr uint32_t kSmallMessage = 512;  // below this a message goes to the small chunk
// Sizes of the chunks that messages are packed into.
constexpr uint32_t kSmallChunk = 8 * 1024;
constexpr uint32_t kLargeChunk = 64 * 1024;
static_assert(kSmallMessage <= kSmallChunk && kMaxDatagram <= kLargeChunk,
              "an empty chunk has room for any message that goes there");
static_assert(kReceiveStride >= kMaxDatagram && kRecordStride >= 2 * kReceiveControlRoom,
              "what a call receives fits its place");

}  // namespace datagram

#endif  // SENDMSG_SRC_SLOT_H_
