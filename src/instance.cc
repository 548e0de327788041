#include "instance.h"

#include "endpoint.h"

namespace datagram {

Instance::Instance(napi_env environment) : env(environment), workspace(CreateWorkspace()) {
  napi_get_uv_event_loop(env, &loop);
  messages.resize(kSlotCount);
  napi_add_async_cleanup_hook(env, OnEnd, this, &cleanup_);
}

const char* Instance::Attach(const Napi::CallbackInfo& info) {
  const size_t sizes[] = {
      kSlotCount * sizeof(SendSlot),
      kSendControlArena,
      kSlotCount * sizeof(ReceiveSlot),
      static_cast<size_t>(kSlotCount) * kReceiveStride,
      static_cast<size_t>(kSlotCount) * kRecordStride,
      sizeof(Report),
  };
  constexpr size_t kCount = sizeof sizes / sizeof *sizes;
  if (attached()) return "initialize() was called before";
  if (info.Length() != kCount + 1 || !info[kCount].IsFunction()) {
    return "initialize() takes six ArrayBuffers and a function";
  }
  uint8_t* memory[kCount];
  for (size_t index = 0; index < kCount; index++) {
    if (!info[index].IsArrayBuffer()) return "initialize() takes six ArrayBuffers and a function";
    auto buffer = info[index].As<Napi::ArrayBuffer>();
    if (buffer.ByteLength() < sizes[index]) return "a buffer given to initialize() is too small";
    memory[index] = static_cast<uint8_t*>(buffer.Data());
  }
  for (size_t index = 0; index < kCount; index++) {
    napi_ref reference = nullptr;
    if (napi_create_reference(env, info[index], 1, &reference) != napi_ok) return "out of memory";
    memory_.push_back(reference);
  }
  send_slots = reinterpret_cast<SendSlot*>(memory[0]);
  send_records = memory[1];
  receive_area = {reinterpret_cast<ReceiveSlot*>(memory[2]), memory[3], kReceiveStride, memory[4],
                  kRecordStride};
  report = reinterpret_cast<Report*>(memory[5]);
  if (napi_create_reference(env, info[kCount], 1, &dispatch_) != napi_ok) return "out of memory";
  return nullptr;
}

void Instance::Dispatch(napi_value endpoint, int status, int events) {
  napi_value function = nullptr;
  napi_value arguments[3] = {endpoint, nullptr, nullptr};
  if (napi_get_reference_value(env, dispatch_, &function) != napi_ok || function == nullptr ||
      napi_create_int32(env, status, &arguments[1]) != napi_ok ||
      napi_create_int32(env, events, &arguments[2]) != napi_ok) {
    return;
  }
  // Plain Node-API: in a thread that is being terminated every call can fail, and node-addon-api
  // would abort on what it cannot throw.
  if (napi_make_callback(env, nullptr, endpoint, function, 3, arguments, nullptr) == napi_ok) {
    return;
  }
  bool pending = false;
  napi_value error = nullptr;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok && !ending) {
    napi_fatal_exception(env, error);
  }
}

void Instance::HandleClosed() {
  open_handles_--;
  if (ending && open_handles_ == 0) napi_remove_async_cleanup_hook(cleanup_);
}

void Instance::OnEnd(napi_async_cleanup_hook_handle, void* data) {
  const auto instance = static_cast<Instance*>(data)->shared_from_this();
  instance->ending = true;
  // One handle of its own, so that the last one to close is seen once.
  instance->HandleOpened();
  const std::unordered_set<Endpoint*> endpoints = instance->endpoints_;
  for (Endpoint* endpoint : endpoints) endpoint->Shut();
  instance->HandleClosed();
}

}  // namespace datagram
