// Overlapped WSASendMsg. The kernel reads data, name and control data when it gets to it, and by
// then JavaScript may have freed them: an operation has them in a block of its own.
#include <cstdlib>
#include <memory>

#include "batch.h"
#include "earlier_errors.h"
#include "provider.h"
#include "syscalls.h"

namespace datagram {
namespace {

constexpr LONGLONG kRest = 100'000;  // 10 ms, in 100 ns (SetThreadpoolWait)

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

// One datagram on its way, or as many datagrams of a segmented message as offload takes. Where
// offload fails these go one by one.
class PendingSend {
 public:
  // Null where there is no memory: the library is compiled without exceptions.
  static void* operator new(size_t size) noexcept { return std::malloc(size); }
  static void operator delete(void* memory) { std::free(memory); }

  PendingSend(Scratch& scratch, SocketState& state, const SendSlot& slot, uint32_t max_segments,
              SettleSend settle, void* context)
      : scratch_(scratch),
        state_(&state),
        max_segments_(max_segments),
        settle_(settle),
        context_(context),
        slot_(slot) {}

  // Copies bytes `slot.progress` to `end` of a message, and its records; they are a message of
  // their own here. False when there is no memory.
  bool Copy(const OutgoingMessage& message, uint32_t end) {
    const uint32_t size = end - slot_.progress;
    data_.reset(static_cast<uint8_t*>(std::malloc(size + 1)));
    records_.reset(static_cast<uint8_t*>(std::malloc(slot_.controlLength + 1)));
    control_.reset(static_cast<uint64_t*>(std::malloc(ControlWords(slot_) * sizeof(uint64_t))));
    if (!data_ || !records_ || !control_) return false;
    size_t skip = slot_.progress;
    uint32_t copied = 0;
    for (uint32_t index = 0; index < slot_.bufferCount && copied < size; index++) {
      const size_t length = BufferLength(message.buffers[index]);
      const size_t start = skip < length ? skip : length;
      const size_t left = size - copied;
      const size_t part = length - start < left ? length - start : left;
      if (part > 0)
        std::memcpy(data_.get() + copied, BufferData(message.buffers[index]) + start, part);
      skip -= start;
      copied += static_cast<uint32_t>(part);
    }
    if (slot_.controlLength > 0) {
      std::memcpy(records_.get(), message.records, slot_.controlLength);
    }
    whole_ = MakeBuffer(data_.get(), size);
    slot_.progress = 0;
    slot_.bufferCount = 1;
    return true;
  }

  ~PendingSend() {
    if (wait_ != nullptr) {
      // Its callback can still be inside of uv_async_send().
      WaitForThreadpoolWaitCallbacks(wait_, FALSE);
      CloseThreadpoolWait(wait_);
    }
    if (event_ != nullptr) CloseHandle(event_);
  }
  PendingSend(const PendingSend&) = delete;
  PendingSend& operator=(const PendingSend&) = delete;

  // Starts the first packet. When it returns true the operation owns itself.
  bool Start(uv_loop_t* loop, StartOutcome& outcome) {
    event_ = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    wait_ = CreateThreadpoolWait(OnCompletion, this, nullptr);
    async_.reset(static_cast<uv_async_t*>(std::calloc(1, uv_handle_size(UV_ASYNC))));
    if (event_ == nullptr || wait_ == nullptr || !async_ ||
        uv_async_init(loop, async_.get(), OnAsync) != 0) {
      async_.reset();
      outcome.status = kNoBufferSpace;
      return false;
    }
    uv_handle_set_data(Handle(), this);
    const Status status = Submit();
    if (status == 0) {
      outcome.wait = packet_.last && !packet_.offloaded ? kDontWait : kForRoom;
      return true;
    }
    // Too many operations that have not completed.
    if (status == -WSAEWOULDBLOCK) {
      outcome.wait = kForBuffers;
    } else {
      outcome.status = status;
    }
    // libuv frees a handle a turn later.
    uv_close(reinterpret_cast<uv_handle_t*>(async_.release()),
             [](uv_handle_t* handle) { std::free(handle); });
    return false;
  }

  void Cancel(bool closing) {
    if (state_ == nullptr || (slot_.progress > 0 && !closing)) return;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a SOCKET is a HANDLE
    CancelIoEx(reinterpret_cast<HANDLE>(state_->descriptor), &overlapped_);
    // It can be too late: then a segmented message goes on.
    cancelled_ = true;
    if (closing) state_ = nullptr;
  }

  void Hold(bool on) {
    if (on) {
      uv_ref(Handle());
    } else {
      uv_unref(Handle());
    }
  }

 private:
  uv_handle_t* Handle() const { return reinterpret_cast<uv_handle_t*>(async_.get()); }

  // The next packet in the scratch; false, with the reason, when there is none to send this way.
  bool Fill(Batch& batch, StartOutcome& outcome) {
    const OutgoingMessage message = {&slot_, &whole_, BufferLength(whole_), records_.get()};
    outcome.status = batch.Fill(&message, 1);
    if (outcome.status != 0) return false;
    if (batch.settings().emulated == 0) return true;
    // The option would be put back before the kernel looks at it.
    outcome.wait = kForTurn;
    return false;
  }

  // Sends the next packet. The event reports completion, also when it comes at once.
  Status Submit() {
    const Status status = SubmitPacket();
    return GoesWithoutOffload(status, packet_, slot_) ? SubmitPacket() : status;
  }

  Status SubmitPacket() {
    Batch batch(scratch_, *state_, max_segments_, 1);
    StartOutcome outcome;
    if (!Fill(batch, outcome)) return outcome.status;
    packet_ = scratch_.packets[0];
    WSAMSG message = scratch_.headers[0].message;
    if (message.name != nullptr) {
      name_ = scratch_.names[0];
      message.name = &name_.any;
    }
    if (message.Control.len > 0) {
      std::memcpy(control_.get(), message.Control.buf, message.Control.len);
      message.Control.buf = reinterpret_cast<CHAR*>(control_.get());
    }
    ResetEvent(event_);
    overlapped_ = {};
    // The low bit keeps the completion out of a completion port that the socket belongs to: of
    // libuv's, which would take it for one of its own (GetQueuedCompletionStatus).
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    overlapped_.hEvent = reinterpret_cast<HANDLE>(reinterpret_cast<ULONG_PTR>(event_) | 1);
    const Status status = StatusOf(state_->calls.send(state_->descriptor, &message,
                                                      NativeFlags(batch.settings().flags), nullptr,
                                                      &overlapped_, nullptr));
    at_once_ = status == 0;
    if (!at_once_ && status != -WSA_IO_PENDING) return status;
    if (at_once_) SetEvent(event_);
    // Not before: what is refused can set the event, too, and then nothing may be reported.
    SetThreadpoolWait(wait_, event_, nullptr);
    return 0;
  }

  static void CALLBACK OnCompletion(PTP_CALLBACK_INSTANCE, void* context, PTP_WAIT,
                                    TP_WAIT_RESULT) {
    uv_async_send(static_cast<PendingSend*>(context)->async_.get());
  }

  static void OnAsync(uv_async_t* handle) {
    static_cast<PendingSend*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)))
        ->Complete();
  }

  // On the loop's thread.
  void Complete() {
    if (!resting_) {
      status_ = Result();
      if (!GoesOn()) {
        Settle();
        return;
      }
    }
    resting_ = false;
    status_ = state_ == nullptr ? -WSA_OPERATION_ABORTED : Submit();
    if (status_ == -WSAEWOULDBLOCK) {
      Rest();
    } else if (status_ != 0) {
      Settle();
    }
  }

  // Within a segmented message there are too many operations that have not completed (WSASendMsg),
  // and no event says when there are fewer.
  void Rest() {
    resting_ = true;
    ResetEvent(event_);
    LARGE_INTEGER due;
    due.QuadPart = -kRest;
    FILETIME time = {due.LowPart, static_cast<DWORD>(due.HighPart)};
    SetThreadpoolWait(wait_, event_, &time);
  }

  void Settle() {
    uv_close(Handle(), [](uv_handle_t* closed) {
      const std::unique_ptr<PendingSend> self(
          static_cast<PendingSend*>(uv_handle_get_data(closed)));
      self->settle_(self->context_, self->status_, self->slot_.progress);
    });
  }

  Status Result() {
    // The OVERLAPPED can still say that it is pending then (msquic).
    if (at_once_) return 0;
    if (state_ == nullptr) {
      // The socket can be closed already, and then nothing but the OVERLAPPED can be asked.
      return overlapped_.Internal == 0 ? 0 : -WSA_OPERATION_ABORTED;
    }
    DWORD sent = 0;
    DWORD flags = 0;
    return WSAGetOverlappedResult(state_->descriptor, &overlapped_, &sent, FALSE, &flags)
               ? 0
               : -WSAGetLastError();
  }

  // Whether there is more to send: the rest of a segmented message, or the same packet again,
  // without offload or after the error of an earlier datagram.
  bool GoesOn() {
    if (status_ == 0) return !TakePacket(scratch_, packet_, slot_);
    // A segmented message that was cancelled goes on only if its start was taken.
    if (state_ == nullptr || (cancelled_ && slot_.progress == 0)) return false;
    if (GoesWithoutOffload(status_, packet_, slot_)) return true;
    if (state_->owned || slot_.destinationFamily == kNoFamily) return false;
    return FailureOf(status_) == SendFailure::kEarlierError && tries_++ < kMaxEarlierErrors;
  }

  // The room that the control data of one packet can take.
  size_t ControlWords(const SendSlot& slot) const {
    return (scratch_.typed_space + slot.controlLength) / sizeof(uint64_t) + 1;
  }

  Scratch& scratch_;
  SocketState* state_;  // null once the socket is about to be closed
  const uint32_t max_segments_;
  const SettleSend settle_;
  void* const context_;

  SendSlot slot_;
  std::unique_ptr<uint8_t, FreeMemory> data_;
  std::unique_ptr<uint8_t, FreeMemory> records_;
  std::unique_ptr<uint64_t, FreeMemory> control_;
  SocketAddress name_ = {};
  Buffer whole_ = {};
  Packet packet_ = {};
  Status status_ = 0;
  bool cancelled_ = false;
  uint32_t tries_ = 0;
  bool resting_ = false;

  OVERLAPPED overlapped_ = {};
  bool at_once_ = false;  // it completed before the call returned
  HANDLE event_ = nullptr;
  PTP_WAIT wait_ = nullptr;
  std::unique_ptr<uv_async_t, FreeMemory> async_;
};

StartOutcome StartSend(Scratch& scratch, SocketState& state, const OutgoingMessage& message,
                       uint32_t max_segments, uv_loop_t* loop, SettleSend settle, void* context,
                       PendingSend** pending) {
  StartOutcome outcome;
  if (state.descriptor == kInvalidDescriptor) {
    outcome.status = -WSAENOTSOCK;
    return outcome;
  }
  Batch batch(scratch, state, max_segments, 1);
  outcome.status = batch.Fill(&message, 1);
  if (outcome.status != 0) return outcome;
  if (batch.settings().emulated != 0) {
    // The option would be put back before the kernel looks at it.
    outcome.wait = kForTurn;
    return outcome;
  }
  const Packet packet = scratch.packets[0];
  std::unique_ptr<PendingSend> send(
      new PendingSend(scratch, state, *message.slot, max_segments, settle, context));
  if (!send || !send->Copy(message, packet.end)) {
    outcome.status = kNoBufferSpace;
    return outcome;
  }
  if (!send->Start(loop, outcome)) return outcome;
  // Nothing may overtake the rest of the message.
  if (!packet.last) outcome.wait = kForRoom;
  *pending = send.release();
  return outcome;
}

void CancelSend(PendingSend* pending, bool closing) { pending->Cancel(closing); }
void HoldSend(PendingSend* pending, bool on) { pending->Hold(on); }

}  // namespace datagram
