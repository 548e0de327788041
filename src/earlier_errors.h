// Errors of earlier datagrams. An ICMP message leaves its error on the socket that sent the
// datagram, and the next call on that socket fails with it, whatever that call does. Such an error
// must fail no call that it does not belong to.
#ifndef SENDMSG_SRC_EARLIER_ERRORS_H_
#define SENDMSG_SRC_EARLIER_ERRORS_H_

#include "backend.h"
#include "syscalls.h"

namespace datagram {

// Bytes that are kept of a datagram that came back. ICMPv6 brings back no more than 1,232 with
// their headers (RFC 4443, 2.4).
constexpr size_t kErrorData = 1280;

// What was read from the error queue of a socket and waits for JavaScript. The kernel counts its
// queue as received data, so a queue that nobody reads leaves no room to receive.
class ErrorBacklog {
 public:
  ErrorBacklog() = default;
  ~ErrorBacklog();
  ErrorBacklog(const ErrorBacklog&) = delete;
  ErrorBacklog& operator=(const ErrorBacklog&) = delete;

  struct Drained {
    bool local = false;    // the kernel itself refused a datagram with the status asked about
    bool network = false;  // an ICMP message brought that status
  };
  // A call that fails can be tried several times. The kernel notes its refusal each time, and the
  // backlog keeps one.
  void BeginCall() { local_noted_ = false; }
  // Moves all that the kernel's queue holds into the backlog. What exceeds the bound is dropped, as
  // the kernel drops what exceeds SO_RCVBUF.
  Drained Drain(Descriptor descriptor, Status status);
  bool empty() const { return first_ == nullptr; }
  // Moves the oldest error into `slot` and the start of its datagram into `data`. False: none.
  bool Take(ErrorSlot& slot, uint8_t* data, size_t length);

 private:
  struct Entry {
    Entry* next;
    ErrorSlot slot;
    uint8_t data[kErrorData];
  };
  void Append(Entry* entry);

  Entry* first_ = nullptr;
  Entry* last_ = nullptr;
  uint32_t count_ = 0;
  bool local_noted_ = false;
};

// Errors of earlier datagrams that one call may meet.
constexpr uint32_t kMaxEarlierErrors = 1024;

// Decides what a failed call means. One object serves one call and its repetitions.
class EarlierErrors {
 public:
  enum class Answer {
    kOwn,    // the call's own error
    kRetry,  // an earlier datagram's: the call is tried again
    kWait,   // errors come faster than calls can be tried: as if there were no room, or no datagram
  };

  explicit EarlierErrors(const SocketState& state) : state_(state) {
    if (state.errors != nullptr) state.errors->BeginCall();
  }
  // `connected`: the message names no destination.
  Answer AfterSend(Status status, bool connected);
  Answer AfterReceive(Status status);

 private:
  Answer Again();

  const SocketState& state_;
  uint32_t tries_ = 0;
  uint32_t unexplained_ = 0;  // tries in a row whose error was in no queue
};

}  // namespace datagram

#endif  // SENDMSG_SRC_EARLIER_ERRORS_H_
