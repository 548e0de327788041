// Sends messages in order, as one system call after the other takes them.
#include "batch.h"
#include "earlier_errors.h"
#include "syscalls.h"

namespace datagram {
namespace {

// What lack of room means for the first message header of a failed call.
SendFailure LackOfRoom(SendFailure failure, const SocketState& state, const MessageHeader& header,
                       uint64_t length) {
  const Kernel& kernel = ThisKernel();
  const size_t control = ControlUsed(header);
  if (failure == SendFailure::kNoBuffers && control > kernel.max_control) {
    return SendFailure::kFinal;
  }
  // A socket of ours has a buffer that takes any datagram.
  if (!state.owned && kernel.min_send_buffer > 0) {
    int size = 0;
    const Status known = GetOption(state, Option::kSendBuffer, size);
    if (known == 0 && length + control > static_cast<uint64_t>(size)) {
      return SendFailure::kTooLong;
    }
  }
  return failure;
}

}  // namespace

ScratchPointer CreateScratch() { return ScratchPointer(new Scratch()); }
void ScratchDeleter::operator()(Scratch* scratch) const { delete scratch; }

void ForgetOffloadFailures(Scratch& scratch) { scratch.offload_failures.Clear(); }

SendOutcome Send(Scratch& scratch, SocketState& state, const OutgoingMessage* messages,
                 uint32_t count, uint32_t max_segments) {
  SendOutcome outcome;
  EarlierErrors earlier(state);
  while (outcome.taken < count) {
    const OutgoingMessage* rest = messages + outcome.taken;
    Batch batch(scratch, state, max_segments);
    outcome.status = batch.Fill(rest, count - outcome.taken);
    if (outcome.status != 0) return outcome;
    Status taken;
    {
      const Emulation emulation(state, batch.settings());
      outcome.status = emulation.status();
      if (outcome.status != 0) return outcome;
      taken = SendHeaders(state, scratch.headers, batch.packets(), batch.settings().flags);
    }
    if (taken > 0) {
      for (Status index = 0; index < taken; index++) {
        const Packet& packet = scratch.packets[index];
        if (TakePacket(scratch, packet, *rest[packet.message].slot)) outcome.taken++;
      }
      continue;
    }
    SendSlot& slot = *rest[0].slot;
    const Packet& packet = scratch.packets[0];
    const SendFailure failure = FailureOf(taken);
    if (failure == SendFailure::kNoRoom || failure == SendFailure::kNoBuffers) {
      const SendFailure lack =
          LackOfRoom(failure, state, scratch.headers[0], packet.end - slot.progress);
      if (lack == failure) {
        outcome.wait = failure == SendFailure::kNoRoom ? kForRoom : kForBuffers;
      } else {
        outcome.status = lack == SendFailure::kTooLong ? kMessageTooLong : taken;
      }
      return outcome;
    }
    const auto answer = earlier.AfterSend(taken, slot.destinationFamily == kNoFamily);
    if (answer == EarlierErrors::Answer::kRetry) continue;
    if (answer == EarlierErrors::Answer::kWait) {
      outcome.wait = kForBuffers;
      return outcome;
    }
    if (GoesWithoutOffload(taken, packet, slot)) continue;
    outcome.status = taken;
    return outcome;
  }
  return outcome;
}

}  // namespace datagram
