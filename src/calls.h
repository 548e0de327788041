// What src/send.cc, receive.cc and socket.cc need of each backend: the system calls themselves.
#ifndef SENDMSG_SRC_CALLS_H_
#define SENDMSG_SRC_CALLS_H_

#include "backend.h"
#include "control.h"

namespace datagram {

// One way to set an option; an option can take several (both families of a dual-stack socket).
struct OptionRow {
  Option option;
  Family family;  // kNoFamily: on any socket
  int level;
  int name;
  int (*value)(int value);                       // from ours to the kernel's; null: as it is
  int (*set)(Descriptor descriptor, int value);  // where an int will not do; as setsockopt
};

extern const Table<OptionRow> kOptions;

// Immediate calls: how many messages were done, or the error of the first one, negated. `flags` are
// SendFlag bits.
Status SendHeaders(const SocketState& state, MessageHeader* headers, uint32_t count, uint8_t flags);
Status ReceiveHeaders(const SocketState& state, MessageHeader* headers, uint32_t count);

// What the error of SendHeaders() says.
enum class SendFailure {
  kNoRoom,
  kNoBuffers,       // no room, and nothing will tell when there is some
  kTooLong,         // of a train: this one can't be offloaded
  kNoOffload,       // of a train: offload does not work here, if it goes without
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

// Whether this kernel has a control message for trains, and sockets of this kind take it.
bool KnowsSegmentation(bool raw);

}  // namespace datagram

#endif  // SENDMSG_SRC_CALLS_H_
