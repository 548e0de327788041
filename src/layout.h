// Everything that crosses the boundary as a number: the memory that TypeScript writes and C++ reads
// for each message to send, and the reverse on receive, and the values in it. This is the one place
// that says so: the tables below become the structs and enums here and, through export_layout.cc,
// the offsets and values that lib/native/ reads by name. Numbers are in the machine's byte order,
// addresses in network order.
#ifndef SENDMSG_SRC_LAYOUT_H_
#define SENDMSG_SRC_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace datagram {

enum Family : uint8_t { kNoFamily = 0, kIPv4 = 4, kIPv6 = 6 };

// Enums whose values cross the boundary: X(constant, name in JavaScript). A value is the place in
// the table, or the bit of that place. Zeroed memory says nothing: where it is no bit, 0 is
// nothing.
#define SENDMSG_VALUE(constant, name) constant,

// What a message gives, what a row of a backend's tables carries, what a socket is asked to tell of
// each datagram.
#define SENDMSG_FIELDS(X)             \
  X(kSource, source)                  \
  X(kInterface, interface)            \
  X(kTrafficClass, trafficClass)      \
  X(kHopLimit, hopLimit)              \
  X(kDontFragmentField, dontFragment) \
  X(kSegmentSize, segmentSize)        \
  X(kSendTime, sendTime)              \
  X(kControl, control)                \
  X(kDestination, destination)        \
  X(kCastField, cast)                 \
  X(kTimestamp, timestamp)            \
  X(kDropped, dropped)                \
  X(kMark, mark)
enum class FieldPlace : uint8_t { SENDMSG_FIELDS(SENDMSG_VALUE) kCount };
#define SENDMSG_BIT(constant, name) constant = 1U << static_cast<uint8_t>(FieldPlace::constant),
enum Field : uint32_t { SENDMSG_FIELDS(SENDMSG_BIT) };
#undef SENDMSG_BIT

#define SENDMSG_SEND_FLAGS(X) \
  X(kDontRoute, dontRoute)    \
  X(kConfirm, confirm)        \
  X(kPartial, partial)        \
  X(kOutOfBand, oob)
enum class SendFlagPlace : uint8_t { SENDMSG_SEND_FLAGS(SENDMSG_VALUE) };
#define SENDMSG_BIT(constant, name) constant = 1U << static_cast<uint8_t>(SendFlagPlace::constant),
enum SendFlag : uint8_t { SENDMSG_SEND_FLAGS(SENDMSG_BIT) };
#undef SENDMSG_BIT

// What `present` of a received message says beside the Field bits of what is known of it.
#define SENDMSG_PRESENT(X)               \
  X(kTruncated, truncated)               \
  X(kControlTruncated, controlTruncated) \
  X(kHasEcn, ecn) /* the ECN half of the traffic class alone */
enum class PresentPlace : uint8_t { SENDMSG_PRESENT(SENDMSG_VALUE) kCount };
constexpr uint32_t kFirstPresent = 24;
#define SENDMSG_BIT(constant, name) \
  constant = 1U << (kFirstPresent + static_cast<uint8_t>(PresentPlace::constant)),
enum Present : uint32_t { SENDMSG_PRESENT(SENDMSG_BIT) };
#undef SENDMSG_BIT
static_assert(static_cast<uint32_t>(FieldPlace::kCount) <= kFirstPresent &&
                  kFirstPresent + static_cast<uint32_t>(PresentPlace::kCount) < 32,
              "each bit of `present` says one thing, and none is the sign in JavaScript");

#define SENDMSG_DONT_FRAGMENT(X) \
  X(kAsSocket, asSocket)         \
  X(kMayFragment, mayFragment)   \
  X(kNeverFragment, neverFragment)
enum DontFragment : uint8_t { SENDMSG_DONT_FRAGMENT(SENDMSG_VALUE) };

#define SENDMSG_CASTS(X)   \
  X(kUnknownCast, unknown) \
  X(kUnicast, unicast)     \
  X(kMulticast, multicast) \
  X(kBroadcast, broadcast)
enum Cast : uint8_t { SENDMSG_CASTS(SENDMSG_VALUE) };

// Who found out about the error of a datagram.
#define SENDMSG_ERROR_ORIGINS(X)          \
  X(kNoOrigin, none) /* it is no error */ \
  X(kOriginLocal, local)                  \
  X(kOriginIcmp, icmp)                    \
  X(kOriginIcmp6, icmp6)                  \
  X(kOriginSendTime, txtime) /* the queue that has its sendTime */
enum ErrorOrigin : uint8_t { SENDMSG_ERROR_ORIGINS(SENDMSG_VALUE) };

// Where the data of a received message is.
#define SENDMSG_DATA_PLACES(X)                                                   \
  X(kInReceiveArea, receiveArea) /* in the receive area: its list has no room */ \
  X(kInSmallChunk, smallChunk)                                                   \
  X(kInLargeChunk, largeChunk)
enum DataPlace : uint8_t { SENDMSG_DATA_PLACES(SENDMSG_VALUE) };

// What to wait for when the kernel has no room.
#define SENDMSG_WAITS(X)                                                                        \
  X(kDontWait, none)                                                                            \
  X(kForRoom, forRoom) /* EAGAIN: writable tells (readiness), or the completion (overlapped) */ \
  X(kForBuffers, forBuffers) /* ENOBUFS of the BSDs: nothing tells, try again in a while */     \
  X(kForTurn, forTurn)       /* goes in one call only (emulated): alone, when there is room */
enum Wait : int32_t { SENDMSG_WAITS(SENDMSG_VALUE) };

// Options that lib/ can read and set by name. Their level and name are the backend's own affair.
#define SENDMSG_OPTIONS(X)                                              \
  X(kReceiveBuffer, receiveBuffer)                                      \
  X(kSendBuffer, sendBuffer)                                            \
  X(kReuseAddress, reuseAddress)                                        \
  X(kReusePort, reusePort)                                              \
  X(kIPv6Only, ipv6Only)                                                \
  X(kBroadcast, broadcast)                                              \
  X(kHopLimit, hopLimit)                                                \
  X(kTrafficClassIPv4, trafficClassIPv4)                                \
  X(kTrafficClassIPv6, trafficClassIPv6)                                \
  X(kDontFragment, dontFragment)                                        \
  X(kSendTime, sendTime) /* a SendClock */                              \
  X(kCoalesce, coalesce)                                                \
  X(kSegment, segment)                                                  \
  X(kMulticastHopLimit, multicastHopLimit)                              \
  X(kMulticastLoopback, multicastLoopback)                              \
  X(kPathMtu, pathMtu)             /* of a connected socket, to read */ \
  X(kReceiveErrors, receiveErrors) /* for Kernel::receive_error */
enum class Option : uint32_t { SENDMSG_OPTIONS(SENDMSG_VALUE) kCount };
static_assert(static_cast<uint32_t>(Option::kCount) <= 32,
              "a mask has a bit for each (KnownOptions)");

// Values of Option::kSendTime.
#define SENDMSG_SEND_CLOCKS(X)  \
  X(kNoClock, none)             \
  X(kMonotonicClock, monotonic) \
  X(kTaiClock, tai)
enum SendClock : int { SENDMSG_SEND_CLOCKS(SENDMSG_VALUE) };
#undef SENDMSG_VALUE

// How a segmented message goes on whose offload failed. lib/ sees whether it did, and not how.
enum WithoutOffload : uint8_t {
  kOffload = 0,
  kTooLongForOffload = 1,  // at least with segments of this size
  kNoOffloadThere = 2,     // with segments of any size
  kRememberedWithout = 3,  // its destination is remembered
};

static_assert(kAsSocket == 0 && kUnknownCast == 0 && kNoOrigin == 0 && kDontWait == 0 &&
                  kNoClock == 0 && kOffload == 0 && kInReceiveArea == 0,
              "zeroed memory says nothing");

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
  X(uint32_t, mark, , "")                                                              \
  X(uint16_t, destinationPort, , "host order")                                         \
  X(uint8_t, destinationFamily, , "Family after un-mapping; 0: connected")             \
  X(uint8_t, controlFamily, , "Family: the level that control messages take")          \
  X(uint8_t, hopLimit, , "0: not given")                                               \
  X(uint8_t, trafficClass, , "the whole octet")                                        \
  X(uint8_t, trafficClassMask, , "the bits of trafficClass that the caller gave")      \
  X(uint8_t, dontFragment, , "DontFragment")                                           \
  X(uint8_t, flags, , "SendFlag bits")                                                 \
  X(uint8_t, withoutOffload, , "in and out: WithoutOffload")                           \
  X(uint8_t, reserved, [6], "")                                                        \
  X(uint8_t, destination, [16], "IPv4 in the first 4 bytes; of a connected peer, too") \
  X(uint8_t, source, [16], "of controlFamily; IPv4 in the first 4 bytes")

#define SENDMSG_RECEIVE_SLOT(X)                                                       \
  X(int64_t, timestamp, , "ns since the epoch")                                       \
  X(uint32_t, addressScope, , "IPv6 scope id")                                        \
  X(uint32_t, interfaceIndex, , "")                                                   \
  X(uint32_t, size, , "bytes of data")                                                \
  X(uint32_t, offset, , "where the data starts in its chunk, or in the receive area") \
  X(uint32_t, controlOffset, , "raw control records in the receive control arena")    \
  X(uint32_t, controlLength, , "")                                                    \
  X(uint32_t, segmentSize, , "0: not a train")                                        \
  X(uint32_t, present, , "bits of Field and Present")                                 \
  X(uint32_t, dropped, , "datagrams")                                                 \
  X(uint16_t, port, , "host order")                                                   \
  X(uint8_t, family, , "Family of address, after un-mapping; 0: none")                \
  X(uint8_t, destinationFamily, , "0: not known")                                     \
  X(uint8_t, cast, , "Cast")                                                          \
  X(uint8_t, trafficClass, , "")                                                      \
  X(uint8_t, hopLimit, , "")                                                          \
  X(uint8_t, place, , "DataPlace")                                                    \
  X(uint8_t, chunk, , "index in the list of small or large chunks that place names")  \
  X(uint8_t, reserved, [3], "")                                                       \
  X(uint8_t, address, [16], "IPv4 in the first 4 bytes")                              \
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
  X(int32_t, earlierErrors, , "1: receiveErrors() has errors of earlier datagrams")

// A raw control message in an arena: this header, then the payload, padded to kRecordAlignment. It
// takes at least as much room as CMSG_SPACE gives the same message on every platform, so an arena's
// size bounds the control buffer that its records need.
#define SENDMSG_CONTROL_RECORD(X)               \
  X(int32_t, level, , "cmsg_level")             \
  X(int32_t, type, , "cmsg_type")               \
  X(uint32_t, length, , "bytes of the payload") \
  X(uint32_t, reserved, , "")

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
struct ControlRecord {
  SENDMSG_CONTROL_RECORD(SENDMSG_MEMBER)
};
#undef SENDMSG_MEMBER

template <size_t N>
constexpr size_t SumOf(const size_t (&sizes)[N]) {
  size_t sum = 0;
  for (const size_t size : sizes) sum += size;
  return sum;
}
#define SENDMSG_SIZE(type, name, array, meaning) sizeof(type array),
static_assert(sizeof(SendSlot) == SumOf({SENDMSG_SEND_SLOT(SENDMSG_SIZE)}) &&
                  sizeof(ReceiveSlot) == SumOf({SENDMSG_RECEIVE_SLOT(SENDMSG_SIZE)}) &&
                  sizeof(ErrorSlot) == SumOf({SENDMSG_ERROR_SLOT(SENDMSG_SIZE)}),
              "slots have no padding");
#undef SENDMSG_SIZE
static_assert(sizeof(SendSlot) % 8 == 0 && sizeof(ReceiveSlot) % 8 == 0,
              "lib/ clears and reads slots in words of 64 bits");
static_assert(offsetof(SendSlot, destination) % 4 == 0 && offsetof(SendSlot, source) % 4 == 0 &&
                  offsetof(ReceiveSlot, address) % 4 == 0 &&
                  offsetof(ReceiveSlot, destination) % 4 == 0 &&
                  offsetof(ErrorSlot, address) % 4 == 0 && offsetof(ErrorSlot, offender) % 4 == 0,
              "lib/ moves addresses in words of 32 bits");
static_assert(sizeof(ControlRecord) == 16, "the widest cmsghdr is 16 bytes");

constexpr size_t kRecordAlignment = 8;  // a power of two
constexpr size_t RecordSpace(size_t length) {
  return sizeof(ControlRecord) + ((length + kRecordAlignment - 1) & ~(kRecordAlignment - 1));
}

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
constexpr uint32_t kMaxChunks =
    17;  // in one list of chunks: the one that is filled, and spare ones
constexpr uint32_t kSmallMessage = 512;  // below this a message goes to the small chunk
// Sizes of the chunks that messages are packed into.
constexpr uint32_t kSmallChunk = 8 * 1024;
constexpr uint32_t kLargeChunk = 64 * 1024;
static_assert(kSmallMessage <= kSmallChunk && kMaxDatagram <= kLargeChunk,
              "an empty chunk has room for any message that goes there");
static_assert(kReceiveStride >= kMaxDatagram && kRecordStride >= 2 * kReceiveControlRoom,
              "what a call receives fits its place");

}  // namespace datagram

#endif  // SENDMSG_SRC_LAYOUT_H_
