// Sending through an endpoint.
#include <cstring>

#include "arguments.h"
#include "endpoint.h"

namespace datagram {
namespace {

// Checks what a record list claims before anything is read from it.
bool ValidRecords(const uint8_t* records, uint32_t length) {
  uint32_t at = 0;
  while (at < length) {
    ControlRecord record;
    if (length - at < sizeof record) return false;
    std::memcpy(&record, records + at, sizeof record);
    if (record.length > kSendControlArena || RecordSpace(record.length) > length - at) return false;
    at += static_cast<uint32_t>(RecordSpace(record.length));
  }
  return true;
}

}  // namespace

// send(count, data): slots 0 to count-1 describe the messages; data is one Uint8Array, or the views
// of all of them in one array. Returns how many the kernel took whole; the report says why it were
// not all.
Napi::Value Endpoint::Send(const Napi::CallbackInfo& info) {
  const uint32_t count = Unsigned(info, 0);
  if (!ReadMessages(info, count, info[1])) return {};
  return {info.Env(), Submit(info.Env(), count)};
}

// send(number, count, view, ...): the same on the endpoint of this number, without a look-up of
// what an object wraps, and without an array to read.
napi_value Endpoint::SendViews(napi_env env, napi_callback_info info) {
  constexpr size_t kFirstView = 2;
  napi_value arguments[kFirstView + kSlotCount];
  size_t given = kFirstView + kSlotCount;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &given, arguments, nullptr, &data) != napi_ok) return nullptr;
  Instance& instance = *static_cast<Instance*>(data);
  uint32_t number = 0;
  uint32_t count = 0;
  napi_get_value_uint32(env, arguments[0], &number);
  napi_get_value_uint32(env, arguments[1], &count);
  Endpoint* endpoint = instance.EndpointOf(number);
  if (endpoint == nullptr || given < kFirstView || given > kFirstView + kSlotCount) {
    Throw(env, "ERR_INVALID_ARG_VALUE", "There is no such endpoint, or there are too many views");
    return nullptr;
  }
  if (Refuse(env, instance, Instance::kSendSlotMemory) ||
      !endpoint->ReadViews(env, count, arguments + kFirstView, given - kFirstView)) {
    return nullptr;
  }
  return endpoint->Submit(env, count);
}

napi_value Endpoint::Submit(napi_env env, uint32_t count) {
  Instance& instance = *instance_;
  const SendOutcome outcome =
      datagram::Send(*instance.scratch, state_, instance.messages, count, instance.max_segments);
  instance.report->status = outcome.status;
  instance.report->wait = outcome.wait;
  ReportErrors();
  napi_value result = nullptr;
  napi_create_uint32(env, outcome.taken, &result);
  return result;
}

bool Endpoint::ReadMessages(const Napi::CallbackInfo& info, uint32_t count, napi_value data) {
  if (Refuse(info, Instance::kSendMemory)) return false;
  const napi_env env = info.Env();
  Instance& instance = *instance_;
  bool is_array = false;
  if (napi_is_array(env, data, &is_array) != napi_ok) return false;
  if (!is_array) return ReadViews(env, count, &data, 1);
  uint32_t views = 0;
  if (napi_get_array_length(env, data, &views) != napi_ok) return false;
  if (views > kSlotCount * kMaxBuffers) {
    Throw(env, "ERR_OUT_OF_RANGE", "data has too many views");
    return false;
  }
  // Reading an element can run JavaScript, which can free memory and call here again: all elements
  // are read before the first is looked into.
  std::vector<napi_value> values;
  values.swap(instance.values);
  values.resize(views);
  for (uint32_t index = 0; index < views; index++) {
    if (napi_get_element(env, data, index, &values[index]) != napi_ok) return false;
  }
  if (Refuse(info, Instance::kSendMemory)) return false;
  const bool read = ReadViews(env, count, values.data(), views);
  values.swap(instance.values);
  return read;
}

bool Endpoint::ReadViews(napi_env env, uint32_t count, const napi_value* values, size_t views) {
  Instance& instance = *instance_;
  if (count == 0 || count > kSlotCount) {
    Throw(env, "ERR_OUT_OF_RANGE", "count is out of range");
    return false;
  }
  std::vector<Buffer>& buffers = instance.buffers;
  buffers.resize(views);
  for (size_t index = 0; index < views; index++) {
    uint8_t* bytes = nullptr;
    size_t length = 0;
    if (!ReadView(env, values[index], &bytes, &length)) {
      Throw(env, "ERR_INVALID_ARG_TYPE", "data must be Uint8Arrays that are not shared memory");
      return false;
    }
    if (length > UINT32_MAX) {
      Throw(env, "ERR_OUT_OF_RANGE", "a view is too long");
      return false;
    }
    buffers[index] = MakeBuffer(bytes, length);
  }

  size_t used = 0;
  for (uint32_t index = 0; index < count; index++) {
    SendSlot& slot = instance.send_slots[index];
    OutgoingMessage& message = instance.messages[index];
    if (slot.bufferCount > kMaxBuffers || slot.bufferCount > buffers.size() - used ||
        slot.controlOffset > kSendControlArena ||
        slot.controlLength > kSendControlArena - slot.controlOffset) {
      Throw(env, "ERR_OUT_OF_RANGE", "a slot is out of range");
      return false;
    }
    if (slot.controlLength > 0 && Refuse(env, instance, Instance::kSendRecordMemory)) return false;
    message = {&slot, buffers.data() + used, 0, instance.send_records + slot.controlOffset};
    for (uint32_t view = 0; view < slot.bufferCount; view++) {
      message.length += BufferLength(buffers[used + view]);
    }
    used += slot.bufferCount;
    // Of a message that was taken whole nothing is left to send.
    const bool done = slot.progress > 0 && slot.progress >= message.length;
    if (message.length > UINT32_MAX || done ||
        ((slot.fields & kSegmentSize) != 0 && slot.segmentSize == 0) ||
        !ValidRecords(message.records, slot.controlLength)) {
      Throw(env, "ERR_OUT_OF_RANGE", "a slot is out of range");
      return false;
    }
  }
  return true;
}

// startSend(number, data): hands the message of slot 0 to the kernel, which settles it later. The
// report says whether others can follow at once.
Napi::Value Endpoint::StartSend(const Napi::CallbackInfo& info) {
  if constexpr (kWaiting == Waiting::kCompletion) {
    if (!ReadMessages(info, 1, info[1])) return {};
    Instance& instance = *instance_;
    auto operation = std::make_unique<Operation>(
        Operation{instance_, this, Unsigned(info, 0), nullptr, nullptr});
    const StartOutcome outcome = datagram::StartSend(
        *instance.scratch, state_, instance.messages[0], instance.max_segments,
        instance.environment->loop, OnSettled, operation.get(), &operation->pending);
    instance.report->wait = outcome.wait;
    if (operation->pending != nullptr) {
      if (!hold_) HoldSend(operation->pending, false);
      instance.environment->HandleOpened();
      if (operations_ == nullptr) Ref();
      operation->next = operations_;
      operations_ = operation.release();  // until it is settled
    }
    return Number(info, outcome.status);
  } else {
    return Number(info, kNotSupported);
  }
}

// cancelSend(number): its completion still decides.
Napi::Value Endpoint::CancelSend(const Napi::CallbackInfo& info) {
  if constexpr (kWaiting == Waiting::kCompletion) {
    const uint32_t number = Unsigned(info, 0);
    for (Operation* operation = operations_; operation != nullptr; operation = operation->next) {
      if (operation->number == number) datagram::CancelSend(operation->pending, false);
    }
  }
  return Number(info, 0);
}

void Endpoint::OnSettled(void* context, Status status, uint32_t sent) {
  const std::unique_ptr<Operation> operation(static_cast<Operation*>(context));
  const std::shared_ptr<Instance> instance = operation->instance;
  Endpoint* endpoint = operation->endpoint;
  if (endpoint != nullptr) {
    Operation** place = &endpoint->operations_;
    while (*place != nullptr && *place != operation.get()) place = &(*place)->next;
    if (*place != nullptr) *place = operation->next;
  }
  napi_handle_scope scope;
  if (endpoint != nullptr && !instance->environment->ending &&
      napi_open_handle_scope(instance->env, &scope) == napi_ok) {
    napi_value value = nullptr;
    if (napi_get_reference_value(instance->env, *endpoint, &value) == napi_ok && value != nullptr) {
      if (endpoint->operations_ == nullptr) endpoint->Unref();
      const Instance::Context context = endpoint->context_;  // it may be closed meanwhile
      instance->Settle(context, value, operation->number, status, sent);
    }
    napi_close_handle_scope(instance->env, scope);
  }
  instance->environment->HandleClosed();
}

}  // namespace datagram
