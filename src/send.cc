// Sends messages in order, as one system call after the other takes them.
#include "batch.h"
#include "calls.h"

namespace datagram {

WorkspacePointer CreateWorkspace() { return WorkspacePointer(new Workspace()); }
void WorkspaceDeleter::operator()(Workspace* workspace) const { delete workspace; }

SendOutcome Send(Workspace& workspace, SocketState& state, const OutgoingMessage* messages,
                 uint32_t count, uint32_t max_segments) {
  SendOutcome outcome;
  bool retried = false;
  while (outcome.taken < count) {
    const OutgoingMessage* rest = messages + outcome.taken;
    Batch batch(workspace, state, max_segments);
    outcome.status = batch.Fill(rest, count - outcome.taken);
    if (outcome.status != 0) return outcome;
    Status taken;
    {
      const Emulation emulation(state, batch.settings());
      outcome.status = emulation.status();
      if (outcome.status != 0) return outcome;
      taken = SendHeaders(state, workspace.headers, batch.units(), batch.settings().flags);
    }
    if (taken > 0) {
      for (Status index = 0; index < taken; index++) {
        const Unit& unit = workspace.units[index];
        if (TakeUnit(state, unit, *rest[unit.message].slot)) outcome.taken++;
      }
      retried = false;
      continue;
    }
    SendSlot& slot = *rest[0].slot;
    const SendFailure failure = FailureOf(taken);
    if (failure == SendFailure::kNoRoom || failure == SendFailure::kNoBuffers) {
      outcome.wait = failure == SendFailure::kNoRoom ? kForRoom : kForBuffers;
      return outcome;
    }
    // What an earlier datagram met comes once; what this one meets comes again.
    const bool can_be_earlier =
        state.receives_errors || (!state.owned && slot.destinationFamily != kNoFamily &&
                                  failure == SendFailure::kEarlierError);
    if (can_be_earlier && !retried) {
      retried = true;
      continue;
    }
    if (GoesWithoutOffload(taken, workspace.units[0], slot)) continue;
    outcome.status = taken;
    return outcome;
  }
  return outcome;
}

}  // namespace datagram
