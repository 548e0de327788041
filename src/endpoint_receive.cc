// Receiving through an endpoint: messages, and errors of earlier datagrams.
#include <cstring>

#include "arguments.h"
#include "chunk_packer.h"
#include "earlier_errors.h"
#include "endpoint.h"

namespace datagram {

// Says whether the call met errors of earlier datagrams.
void Endpoint::ReportErrors() {
  instance_->report->earlierErrors = state_.errors != nullptr && !state_.errors->empty();
}

// receive(count, length, controlLength, wantRecords, small, smallUsed, large, largeUsed): returns
// how many came, or a negative status. `small` and `large` are arrays of chunks, ArrayBuffers, of
// which the first may be used already. The slots say where each message is.
Napi::Value Endpoint::Receive(const Napi::CallbackInfo& info) { return ReceiveFrom(info, 0); }

// receive(number, ...): the same on the endpoint of this number.
Napi::Value Endpoint::ReceiveByNumber(const Napi::CallbackInfo& info) {
  Endpoint* endpoint = static_cast<Instance*>(info.Data())->EndpointOf(Unsigned(info, 0));
  if (endpoint == nullptr) {
    Throw(info.Env(), "ERR_INVALID_ARG_VALUE", "There is no such endpoint");
    return {};
  }
  return endpoint->ReceiveFrom(info, 1);
}

Napi::Value Endpoint::ReceiveFrom(const Napi::CallbackInfo& info, size_t argument) {
  const uint32_t count = Unsigned(info, argument);
  const uint32_t length = Unsigned(info, argument + 1);
  const uint32_t control_length = Unsigned(info, argument + 2);
  const bool want_records = Unsigned(info, argument + 3) != 0;
  if (count == 0 || count > kSlotCount || length > kMaxDatagram ||
      control_length > kReceiveControlRoom) {
    if (Refuse(info)) return {};
    Throw(info.Env(), "ERR_OUT_OF_RANGE", "count or length is out of range");
    return {};
  }
  // A raw socket's data comes behind a header.
  const uint32_t expected = state_.raw ? 0 : expected_;
  ChunkPacker packer;
  if (!ReadChunks(info, argument + 4, count, expected, packer)) return {};
  packer.Plan(count, expected, length);
  Wait wait = kDontWait;
  const ReceiveArea& area = instance_->receive_area;
  const Status received = datagram::Receive(*instance_->scratch, state_, area, packer.places(),
                                            count, length, control_length, want_records, wait);
  instance_->report->wait = wait;
  ReportErrors();
  if (received <= 0) return Number(info, received);
  uint32_t longest = 0;
  for (Status index = 0; index < received; index++) {
    if (area.slots[index].size > longest) longest = area.slots[index].size;
  }
  expected_ = ExpectedSize(expected_, longest);
  packer.Pack(area, static_cast<uint32_t>(received));
  return Number(info, received);
}

// Reads small, smallUsed, large and largeUsed from `argument` on: of each list as many chunks as
// the call is likely to fill. Returns false, with an exception pending, when they are not that.
bool Endpoint::ReadChunks(const Napi::CallbackInfo& info, size_t argument, uint32_t messages,
                          uint32_t expected, ChunkPacker& packer) {
  const napi_env env = info.Env();
  ChunkList* const lists[] = {&packer.small, &packer.large};
  packer.small.used = Unsigned(info, argument + 1);
  packer.large.used = Unsigned(info, argument + 3);
  const bool expects_small = expected < kSmallMessage;
  const uint32_t wanted[] = {
      ChunkList::CountFor(messages, expects_small ? expected : 0, packer.small.used, kSmallChunk),
      ChunkList::CountFor(messages, expects_small ? 0 : expected, packer.large.used, kLargeChunk)};
  napi_value chunks[2][kMaxChunks];
  bool read = true;
  for (size_t list = 0; list < 2; list++) {
    const napi_value array = info[argument + 2 * list];
    read = read && napi_get_array_length(env, array, &lists[list]->count) == napi_ok;
    if (!read) break;
    if (lists[list]->count > wanted[list]) lists[list]->count = wanted[list];
    // Reading an element can run JavaScript: all are read before the first is looked into.
    for (uint32_t index = 0; index < lists[list]->count; index++) {
      if (napi_get_element(env, array, index, &chunks[list][index]) != napi_ok) return false;
    }
  }
  if (Refuse(info, Instance::kReceiveMemory)) return false;
  for (size_t list = 0; list < 2 && read; list++) {
    for (uint32_t index = 0; index < lists[list]->count && read; index++) {
      ChunkList::Chunk& chunk = lists[list]->chunks[index];
      void* data = nullptr;
      read = napi_get_arraybuffer_info(env, chunks[list][index], &data, &chunk.capacity) == napi_ok;
      chunk.data = static_cast<uint8_t*>(data);
    }
  }
  if (!read) Throw(env, "ERR_INVALID_ARG_TYPE", "chunks must be arrays of ArrayBuffers");
  return read;
}

// receiveErrors(slots, data): both are Uint8Arrays of the caller's.
Napi::Value Endpoint::ReceiveErrors(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  uint8_t* slots = nullptr;
  uint8_t* data = nullptr;
  size_t slots_length = 0;
  size_t data_length = 0;
  if (!ReadView(info.Env(), info[0], &slots, &slots_length) ||
      !ReadView(info.Env(), info[1], &data, &data_length)) {
    Throw(info.Env(), "ERR_INVALID_ARG_TYPE", "slots and data must be Uint8Arrays");
    return {};
  }
  const size_t count = slots_length / sizeof(ErrorSlot);
  if (count == 0 || count > kSlotCount || data_length > count * kMaxDatagram) {
    Throw(info.Env(), "ERR_OUT_OF_RANGE", "slots or data are out of range");
    return {};
  }
  const auto receive_error = ThisKernel().receive_error;
  if (receive_error == nullptr) return Number(info, kNoSuchOption);
  const size_t stride = data_length / count;
  for (size_t index = 0; index < count; index++) {
    ErrorSlot slot = {};
    uint8_t* place = data + index * stride;
    if (state_.errors == nullptr || !state_.errors->Take(slot, place, stride)) {
      const Status status = receive_error(state_.descriptor, MakeBuffer(place, stride), slot);
      if (status <= 0) return Number(info, index > 0 ? static_cast<Status>(index) : status);
    }
    slot.offset = static_cast<uint32_t>(index * stride);
    std::memcpy(slots + index * sizeof slot, &slot, sizeof slot);  // wherever a view starts
  }
  return Number(info, static_cast<double>(count));
}

}  // namespace datagram
