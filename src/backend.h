// The contract that src-posix and src-win each implement. Nothing outside of them knows a platform.
//
// Sending never blocks. When the kernel has no room, SendOutcome::wait says what to wait for, and
// kWaiting, from platform.h, says who waits. With readiness (POSIX) the message stays queued in
// lib/, the loop watches the descriptor, and the whole message is tried again. With completion
// (Windows, overlapped) the message is handed over with StartSend(), which copies data, name and
// control into the operation's own block and settles it once, on the loop's thread.
#ifndef SENDMSG_SRC_BACKEND_H_
#define SENDMSG_SRC_BACKEND_H_

#include <uv.h>

#include <cstdint>
#include <memory>

#include "control.h"
#include "layout.h"
#include "platform.h"

namespace datagram {

// 0 or more: success; below: the platform's error code, negated.
using Status = int32_t;

class ErrorBacklog;

// An option as it was before it was set.
struct FormerOption {
  int level;
  int name;
  int value;
};
// As many as all the tables have, twice over.
constexpr uint32_t kMaxFormerOptions = 64;
struct OptionJournal {
  FormerOption options[kMaxFormerOptions];
  uint32_t count = 0;

  // False: there is no room for another one.
  bool Add(const FormerOption& former) {
    if (count == kMaxFormerOptions) return false;
    options[count++] = former;
    return true;
  }
};

// Field bits, by the family of a datagram.
struct FamilyFields {
  uint32_t ipv4 = 0;
  uint32_t ipv6 = 0;
};

struct SocketState {
  Descriptor descriptor = kInvalidDescriptor;
  Family family = kNoFamily;
  bool raw = false;
  bool owned = false;         // ours: options may be set, the descriptor is closed with it
  bool segmentation = false;  // the kernel splits segmented messages
  // Option::kReceiveErrors is on. Null: it is not.
  std::shared_ptr<ErrorBacklog> errors;
  // What the kernel was asked to report, and leaves out where it is 0.
  FamilyFields zero_if_absent;
  SocketCalls calls;  // the backend's own
  // Where options are noted before they are set, so that they can be put back; null: nowhere.
  OptionJournal* journal = nullptr;
};

// An address as both sides of the boundary see it: IPv4-mapped addresses are IPv4.
struct Address {
  Family family = kNoFamily;
  uint16_t port = 0;   // host order
  uint32_t scope = 0;  // IPv6
  uint8_t bytes[16] = {};
};

struct OutgoingMessage {
  SendSlot* slot;
  const Buffer* buffers;   // slot->bufferCount of them
  uint64_t length;         // of all buffers
  const uint8_t* records;  // slot->controlLength bytes of ControlRecords
};

struct SendOutcome {
  uint32_t taken = 0;  // messages that the kernel took whole
  Status status = 0;   // why the next one was not taken; 0: all were, or there is no room
  Wait wait = kDontWait;
};

// Scratch memory of one environment's calls, and what they learnt of this kernel.
class Scratch;
struct ScratchDeleter {
  void operator()(Scratch* scratch) const;
};
using ScratchPointer = std::unique_ptr<Scratch, ScratchDeleter>;
ScratchPointer CreateScratch();
// For a new maximum of segments: earlier failures say nothing about it.
void ForgetOffloadFailures(Scratch& scratch);

// What one environment receives into; the memory is JavaScript's.
struct ReceiveArea {
  ReceiveSlot* slots;    // kSlotCount
  uint8_t* data;         // kSlotCount times data_stride
  size_t data_stride;    // at least kMaxDatagram
  uint8_t* records;      // kSlotCount times record_stride, for raw control
  size_t record_stride;  // at least twice kReceiveControlRoom
};

// Where messages are received in place of the receive area: the first `count` of them, each as far
// as its first `length` bytes.
struct DirectPlaces {
  uint8_t* places[kSlotCount];
  uint32_t count = 0;
  uint32_t length = 0;
};

const Kernel& ThisKernel();

Status OpenSocket(Family family, bool raw, int protocol, SocketState& state);
// Describes a descriptor that somebody else owns. Refuses what is not an IPv4 or IPv6 datagram or
// raw socket.
Status BorrowSocket(Descriptor descriptor, SocketState& state);
// Makes a borrowed descriptor ours: non-blocking, not inherited, owned. It is as it was when this
// fails.
Status TakeOver(SocketState& state);
Status CloseDescriptor(Descriptor descriptor);
// Distinguishes sockets that had the same descriptor one after the other. 0: it is no socket, or it
// has no identity; two zeros are never the same socket.
uint64_t IdentityOf(Descriptor descriptor);
// if_nametoindex(3). There is no such interface: `index` is 0, and so is the status. Another
// status: it could not be looked up, which takes a descriptor or memory.
Status InterfaceIndex(const char* name, uint32_t& index);

Status Bind(const SocketState& state, const Address& address);
Status Connect(const SocketState& state, const Address& address);
Status Disconnect(const SocketState& state);
Status LocalAddress(const SocketState& state, Address& address);
Status RemoteAddress(const SocketState& state, Address& address);
Status GetOption(const SocketState& state, Option option, int& value);
Status SetOption(SocketState& state, Option option, int value);
// The options that the tables have for sockets of this family: bit n is for option n.
uint32_t KnownOptions(Family family);
// Puts options back, the last one first.
void RestoreOptions(Descriptor descriptor, const OptionJournal& journal);
// Joins or leaves a group. `through` is an interface: for IPv4 by its address, for IPv6 by its
// index (scope); zero: the system's choice. A source of no family: any source.
Status SetMembership(const SocketState& state, bool join, const Address& group,
                     const Address& through, const Address& source);
// Where multicast of the family of `through` goes out.
Status SetMulticastInterface(const SocketState& state, const Address& through);
// Asks the kernel to report `fields` with each datagram. Returns those that it does not report, and
// sets `status` to the first error.
uint32_t EnableReceive(SocketState& state, uint32_t fields, Status& status);
// Waits up to `milliseconds` for something to receive; for probes on sockets of our own.
bool WaitReadable(Descriptor descriptor, int milliseconds);

// Sends in order, stopping at the first message that is not taken. `max_segments` bounds what
// goes in one call of a segmented message.
SendOutcome Send(Scratch& scratch, SocketState& state, const OutgoingMessage* messages,
                 uint32_t count, uint32_t max_segments);

// Receives up to `count` messages into slots, data and records; returns how many. Sets size,
// address and what control data reports; leaves finding a place in a chunk to the caller. For raw
// sockets the IP header is left in front, and slot.offset says how long it is.
Status Receive(Scratch& scratch, const SocketState& state, const ReceiveArea& area,
               const DirectPlaces& direct, uint32_t count, size_t length, size_t control_length,
               bool want_records, Wait& wait);

// Readiness. Watching a descriptor that somebody else owns needs a second one of our own
// (libuv refuses to watch a descriptor twice, and the owner may close and reuse its number).
Status DuplicateForWatching(Descriptor descriptor, Descriptor& duplicate);
// uv_poll_init_socket, leaving O_NONBLOCK of somebody else's description as it was. Returns
// libuv's error.
int WatchInit(uv_loop_t* loop, uv_poll_t* handle, Descriptor descriptor, bool owned);

// Completion; only where kWaiting is kCompletion.
class PendingSend;

struct StartOutcome {
  Status status = 0;
  // kDontWait: it was started, and others can be started behind it. kForRoom: it was started, and
  // nothing may follow until it is settled (a segmented message). kForBuffers, kForTurn: it was not
  // started.
  Wait wait = kDontWait;
};

// Called once, on the loop's thread, for each send that was started. `sent`: bytes that the kernel
// took.
using SettleSend = void (*)(void* context, Status status, uint32_t sent);

// Starts to send what Send() had no room for. `state` must be there until it is settled or
// cancelled.
StartOutcome StartSend(Scratch& scratch, SocketState& state, const OutgoingMessage& message,
                       uint32_t max_segments, uv_loop_t* loop, SettleSend settle, void* context,
                       PendingSend** pending);
// Its completion still decides, and is reported. A segmented message whose start was taken goes on,
// unless the socket is about to be closed.
void CancelSend(PendingSend* pending, bool closing);
// Whether it keeps the event loop alive, as it does from the start.
void HoldSend(PendingSend* pending, bool on);

}  // namespace datagram

#endif  // SENDMSG_SRC_BACKEND_H_
