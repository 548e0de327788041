// The system calls that src/send.cc, receive.cc and options.cc need of each backend.
#ifndef SENDMSG_SRC_SYSCALLS_H_
#define SENDMSG_SRC_SYSCALLS_H_

#include "backend.h"
#include "control.h"

namespace datagram {

// One way to set an option; an option can take several (both families of a dual-stack socket).
struct OptionRow {
  Option option;
  Family family;  // kNoFamily: on any socket
  int level;
  int name;
  int (*value)(int value) = nullptr;  // from ours to the kernel's; null: as it is
  // Where an int will not do; as setsockopt.
  int (*set)(Descriptor descriptor, int value) = nullptr;
};

// Rows of this platform, beside those that are the same on all (options.cc).
extern const Table<OptionRow> kPlatformOptions;

// Immediate calls: how many messages were done, or the error of the first one, negated. `flags` are
// SendFlag bits.
Status SendHeaders(const SocketState& state, MessageHeader* headers, uint32_t count, uint8_t flags);
Status ReceiveHeaders(const SocketState& state, MessageHeader* headers, uint32_t count);

// Makes one call after the other, with the results of sendmmsg(2): how many succeeded, or the
// status of the first. After the first message an error ends the batch; the next call meets it
// again, or it has passed.
template <typename Call>
int32_t ForEachHeader(MessageHeader* headers, uint32_t count, const Call& call) {
  for (uint32_t index = 0; index < count; index++) {
    const int32_t status = call(headers[index]);
    if (status < 0) return index > 0 ? static_cast<int32_t>(index) : status;
  }
  return static_cast<int32_t>(count);
}

// What the error of SendHeaders() says.
enum class SendFailure {
  kNoRoom,
  kNoBuffers,       // no room, and no event says when there is some
  kTooLong,         // of a segmented message: offload of this one fails
  kNoOffload,       // of a segmented message: offload fails here, if it can be sent without
  kNoOffloadAtAll,  // the same, with segments of any size
  kEarlierError,    // what an ICMP message about an earlier datagram left behind
  kPerhapsEarlier,  // that, or the call's own error
  kFinal,
};
SendFailure FailureOf(Status status);

inline Status GetNativeOption(Descriptor descriptor, int level, int option, int& value) {
  socklen_t length = sizeof value;
  value = 0;
  return StatusOf(getsockopt(descriptor, level, option, reinterpret_cast<char*>(&value), &length));
}

inline Status SetNativeOption(Descriptor descriptor, int level, int option, int value) {
  return StatusOf(
      setsockopt(descriptor, level, option, reinterpret_cast<const char*>(&value), sizeof value));
}

// For IdentityOf() where a socket has no number of its own: a hash of its type and its addresses.
// Sockets of other types or addresses have another one. 0: it is no socket.
uint64_t FingerprintOf(Descriptor descriptor);
// Notes what an option is now, and what else setting it changes. Fails where it cannot be read.
Status NoteOption(Descriptor descriptor, int level, int name, OptionJournal& journal);

// Puts one option back.
void RestoreOption(Descriptor descriptor, const FormerOption& former);

// Whether this kernel has a control message for segmented messages, and such a socket takes it.
bool KnowsSegmentation(bool raw);

}  // namespace datagram

#endif  // SENDMSG_SRC_SYSCALLS_H_
