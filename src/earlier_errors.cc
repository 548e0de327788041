#include "earlier_errors.h"

#include <cstdlib>

namespace datagram {
namespace {

constexpr uint32_t kMaxErrors = 1024;
// A flood of ICMP must not hold the loop.
constexpr uint32_t kMaxDrained = 4 * kMaxErrors;
// A call's own error comes each time. An earlier one comes again only if another ICMP message
// arrived between two system calls.
constexpr uint32_t kMaxUnexplained = 8;
// Each refusal of a datagram that is too long leaves an entry in the error queue of a borrowed
// socket, which is its owner's.
constexpr uint32_t kMaxTooLong = 2;

bool CanBeEarlier(SendFailure failure) {
  return failure == SendFailure::kEarlierError || failure == SendFailure::kPerhapsEarlier ||
         failure == SendFailure::kTooLong;
}

}  // namespace

ErrorBacklog::~ErrorBacklog() {
  while (first_ != nullptr) {
    Entry* entry = first_;
    first_ = entry->next;
    std::free(entry);
  }
}

void ErrorBacklog::Append(Entry* entry) {
  entry->next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = entry;
  last_ = entry;
  count_++;
}

ErrorBacklog::Drained ErrorBacklog::Drain(Descriptor descriptor, Status status) {
  Drained drained;
  const auto receive_error = ThisKernel().receive_error;
  if (receive_error == nullptr) return drained;
  Entry dropped;
  for (uint32_t read = 0; read < kMaxDrained; read++) {
    auto* entry = count_ < kMaxErrors ? static_cast<Entry*>(std::malloc(sizeof(Entry))) : nullptr;
    Entry& room = entry == nullptr ? dropped : *entry;
    room.slot = {};
    const Status result =
        receive_error(descriptor, MakeBuffer(room.data, sizeof room.data), room.slot);
    bool keep = result > 0;
    if (keep && room.slot.status == status) {
      if (room.slot.origin == kOriginLocal) {
        drained.local = true;
        keep = !local_noted_;
        local_noted_ = true;
      } else {
        drained.network = true;
      }
    }
    if (entry != nullptr) {
      if (keep) {
        Append(entry);
      } else {
        std::free(entry);
      }
    }
    if (result <= 0) break;
  }
  return drained;
}

bool ErrorBacklog::Take(ErrorSlot& slot, uint8_t* data, size_t length) {
  Entry* entry = first_;
  if (entry == nullptr) return false;
  slot = entry->slot;
  if (slot.size > length) slot.size = static_cast<uint32_t>(length);
  if (slot.size > kErrorData) slot.size = kErrorData;
  if (slot.size > 0) std::memcpy(data, entry->data, slot.size);
  first_ = entry->next;
  if (first_ == nullptr) last_ = nullptr;
  count_--;
  std::free(entry);
  return true;
}

EarlierErrors::Answer EarlierErrors::Again() {
  return ++tries_ < kMaxEarlierErrors ? Answer::kRetry : Answer::kWait;
}

EarlierErrors::Answer EarlierErrors::AfterSend(Status status, bool connected) {
  const SendFailure failure = FailureOf(status);
  if (!CanBeEarlier(failure)) return Answer::kOwn;
  if (state_.errors != nullptr) {
    const ErrorBacklog::Drained drained = state_.errors->Drain(state_.descriptor, status);
    if (drained.local) return Answer::kOwn;
    if (drained.network || failure == SendFailure::kEarlierError) {
      unexplained_ = 0;
      return Again();
    }
    return unexplained_++ < kMaxUnexplained ? Again() : Answer::kOwn;
  }
  // An unconnected socket of ours meets none. A connected one reports it by the call.
  if (state_.owned || connected) return Answer::kOwn;
  int asked = 0;
  const Status known = GetOption(state_, Option::kReceiveErrors, asked);
  if (known == 0 && asked == 0) return Answer::kOwn;
  if (failure == SendFailure::kEarlierError) return Again();
  const uint32_t max = failure == SendFailure::kTooLong ? kMaxTooLong : kMaxUnexplained;
  return unexplained_++ < max && known == 0 ? Again() : Answer::kOwn;
}

EarlierErrors::Answer EarlierErrors::AfterReceive(Status status) {
  if (!CanBeEarlier(FailureOf(status))) return Answer::kOwn;
  if (state_.errors != nullptr) {
    state_.errors->Drain(state_.descriptor, status);
    return Again();
  }
  Address peer;
  return RemoteAddress(state_, peer) == 0 ? Answer::kOwn : Again();
}

}  // namespace datagram
