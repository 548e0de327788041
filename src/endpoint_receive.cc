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

// receive(count, length, controlLength, wantRecords, small, smallUsed, large, largeUsed, spares):
// returns how many came, or a negative status. As many as fit are packed into the chunks: the small
// one, the large one, and what spare ones the caller has at hand (report.packed,
// report.largeChunk); pack() packs the others once there are new chunks. They must all be packed
// before the next receive().
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
  if (count == 0 || count > kSlotCount || length > kMaxDatagram ||
      control_length > kReceiveControlRoom) {
    if (Refuse(info)) return {};
    Throw(info.Env(), "ERR_OUT_OF_RANGE", "count or length is out of range");
    return {};
  }
  // A raw socket's data comes behind a header.
  const uint32_t expected = state_.raw ? 0 : expected_;
  const uint32_t spares = ChunkPacker::SparesFor(count, expected, Unsigned(info, argument + 7));
  ChunkPacker packer;
  if (!ReadChunks(info, argument + 4, spares, packer)) return {};
  packer.Plan(count, expected, length);
  Wait wait = kDontWait;
  const ReceiveArea& area = instance_->receive_area;
  const Status received =
      datagram::Receive(*instance_->scratch, state_, area, packer.places(), count, length,
                        control_length, Unsigned(info, argument + 3) != 0, wait);
  instance_->report->wait = wait;
  instance_->report->packed = 0;
  ReportErrors();
  if (received <= 0) return Number(info, received);
  uint32_t longest = 0;
  for (Status index = 0; index < received; index++) {
    if (area.slots[index].size > longest) longest = area.slots[index].size;
  }
  expected_ = ExpectedSize(expected_, longest);
  return PackInto(info, packer, 0, static_cast<uint32_t>(received));
}

// pack(first, count, small, smallUsed, large, largeUsed)
Napi::Value Endpoint::Pack(const Napi::CallbackInfo& info) {
  const uint32_t first = Unsigned(info, 0);
  const uint32_t count = Unsigned(info, 1);
  ChunkPacker packer;
  if (!ReadChunks(info, 2, 0, packer)) return {};
  if (count > kSlotCount || first > count) {
    Throw(info.Env(), "ERR_OUT_OF_RANGE", "count is out of range");
    return {};
  }
  return PackInto(info, packer, first, count);
}

// (small, smallUsed, large, largeUsed, spares) from `argument` on; false, with an exception
// pending, when they are not that.
bool Endpoint::ReadChunks(const Napi::CallbackInfo& info, size_t argument, uint32_t max_spares,
                          ChunkPacker& packer) {
  const napi_env env = info.Env();
  napi_value spares[kMostSpareChunks];
  uint32_t count = 0;
  if (max_spares > 0 && info[argument + 4].IsArray()) {
    const napi_value array = info[argument + 4];
    napi_get_array_length(env, array, &count);
    if (count > max_spares) count = max_spares;
    // Reading an element can run JavaScript: all are read before the first is looked into.
    for (uint32_t index = 0; index < count; index++) {
      if (napi_get_element(env, array, index, &spares[index]) != napi_ok) return false;
    }
  }
  if (Refuse(info, Instance::kReceiveMemory)) return false;
  bool read = ReadView(env, info[argument], &packer.small.data, &packer.small.capacity) &&
              ReadView(env, info[argument + 2], &packer.large[0].data, &packer.large[0].capacity);
  packer.small.used = Unsigned(info, argument + 1);
  packer.large[0].used = Unsigned(info, argument + 3);
  for (uint32_t index = 0; index < count && read; index++) {
    ChunkPacker::Chunk& spare = packer.large[1 + index];
    read = ReadView(env, spares[index], &spare.data, &spare.capacity);
  }
  packer.large_count = 1 + count;
  if (!read) Throw(env, "ERR_INVALID_ARG_TYPE", "chunks must be Uint8Arrays");
  return read;
}

Napi::Value Endpoint::PackInto(const Napi::CallbackInfo& info, ChunkPacker& packer, uint32_t first,
                               uint32_t count) {
  Report& report = *instance_->report;
  report.packed = static_cast<int32_t>(packer.Pack(instance_->receive_area, first, count));
  report.smallUsed = static_cast<int32_t>(packer.small.used);
  report.largeUsed = static_cast<int32_t>(packer.large[packer.current()].used);
  report.largeChunk = static_cast<int32_t>(packer.current());
  return Number(info, count);
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
