#include "instance.h"

#include <cstring>

#include "endpoint.h"

namespace datagram {

Instance::Instance(napi_env environment) : env(environment), workspace(CreateWorkspace()) {
  napi_get_uv_event_loop(env, &loop);
  messages.resize(kSlotCount);
  napi_add_async_cleanup_hook(env, OnEnd, this, &cleanup_);
  const napi_node_version* version = nullptr;
  // Deno lets go of a hook when it calls it, and once more when it is removed
  // (ext/napi/node_api.rs).
  if (napi_get_node_version(env, &version) == napi_ok &&
      std::strcmp(version->release, "node") != 0) {
    cleanup_ = nullptr;
  }
}

const char* Instance::Attach(const Napi::CallbackInfo& info) {
  const size_t sizes[kMemoryCount] = {
      kSlotCount * sizeof(SendSlot),
      kSendControlArena,
      kSlotCount * sizeof(ReceiveSlot),
      static_cast<size_t>(kSlotCount) * kReceiveStride,
      static_cast<size_t>(kSlotCount) * kRecordStride,
      sizeof(Report),
  };
  if (attached()) return "initialize() was called before";
  if (info.Length() != kMemoryCount + 2 || !info[kMemoryCount].IsFunction() ||
      !info[kMemoryCount + 1].IsFunction()) {
    return "initialize() takes six ArrayBuffers and two functions";
  }
  uint8_t* data[kMemoryCount];
  for (size_t index = 0; index < kMemoryCount; index++) {
    if (!info[index].IsArrayBuffer())
      return "initialize() takes six ArrayBuffers and two functions";
    for (size_t other = 0; other < index; other++) {
      if (info[index].StrictEquals(info[other]))
        return "initialize() takes six different ArrayBuffers";
    }
    auto buffer = info[index].As<Napi::ArrayBuffer>();
    if (buffer.ByteLength() < sizes[index]) return "a buffer given to initialize() is too small";
    data[index] = static_cast<uint8_t*>(buffer.Data());
  }
  for (size_t index = 0; index < kMemoryCount; index++) {
    Memory& memory = memory_[index];
    memory = {nullptr, data[index], sizes[index]};
    if (napi_create_reference(env, info[index], 1, &memory.reference) != napi_ok) {
      return "out of memory";
    }
  }
  send_slots = reinterpret_cast<SendSlot*>(data[0]);
  send_records = data[1];
  receive_area = {reinterpret_cast<ReceiveSlot*>(data[2]), data[3], kReceiveStride, data[4],
                  kRecordStride};
  report = reinterpret_cast<Report*>(data[5]);
  if (napi_create_reference(env, info[kMemoryCount + 1], 1, &settle_) != napi_ok ||
      napi_create_reference(env, info[kMemoryCount], 1, &dispatch_) != napi_ok) {
    return "out of memory";
  }
  return nullptr;
}

bool Instance::MemoryIsThere(uint32_t parts) const {
  for (size_t index = 0; index < kMemoryCount; index++) {
    if ((parts & (1U << index)) == 0) continue;
    const Memory& memory = memory_[index];
    napi_value buffer = nullptr;
    void* data = nullptr;
    size_t size = 0;
    if (napi_get_reference_value(env, memory.reference, &buffer) != napi_ok ||
        napi_get_arraybuffer_info(env, buffer, &data, &size) != napi_ok || data != memory.data ||
        size < memory.size) {
      return false;
    }
  }
  return true;
}

bool Instance::Dispatch(const Context& context, napi_value endpoint, int status, int events) {
  napi_value arguments[3] = {endpoint, nullptr, nullptr};
  if (napi_create_int32(env, status, &arguments[1]) == napi_ok &&
      napi_create_int32(env, events, &arguments[2]) == napi_ok) {
    return Call(context, dispatch_, endpoint, arguments, 3);
  }
  return false;
}

void Instance::Settle(const Context& context, napi_value endpoint, uint32_t operation,
                      Status status, uint32_t sent) {
  napi_value arguments[4] = {endpoint, nullptr, nullptr, nullptr};
  if (napi_create_uint32(env, operation, &arguments[1]) == napi_ok &&
      napi_create_int32(env, status, &arguments[2]) == napi_ok &&
      napi_create_uint32(env, sent, &arguments[3]) == napi_ok) {
    Call(context, settle_, endpoint, arguments, 4);
  }
}

bool Instance::Call(const Context& context, napi_ref reference, napi_value endpoint,
                    const napi_value* arguments, size_t count) const {
  napi_value function = nullptr;
  if (napi_get_reference_value(env, reference, &function) != napi_ok || function == nullptr) {
    return false;
  }
  // Plain Node-API: in a thread that is being terminated every call can fail, and node-addon-api
  // would abort on what it cannot throw.
  napi_value result = nullptr;
  if (napi_make_callback(env, context == nullptr ? nullptr : context->get(), endpoint, function,
                         count, arguments, &result) == napi_ok) {
    bool more = false;
    return napi_get_value_bool(env, result, &more) == napi_ok && more;
  }
  bool pending = false;
  napi_value error = nullptr;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok && !ending) {
    napi_fatal_exception(env, error);
    // What else has come shall still be heard.
    return true;
  }
  return false;
}

uint32_t Instance::Register(Endpoint* endpoint) {
  if (free_numbers_.empty()) {
    endpoints_.push_back(endpoint);
    return static_cast<uint32_t>(endpoints_.size() - 1);
  }
  const uint32_t number = free_numbers_.back();
  free_numbers_.pop_back();
  endpoints_[number] = endpoint;
  return number;
}

void Instance::Unregister(uint32_t number) {
  endpoints_[number] = nullptr;
  free_numbers_.push_back(number);
}

void Instance::HandleClosed() {
  open_handles_--;
  if (ending && open_handles_ == 0 && cleanup_ != nullptr) napi_remove_async_cleanup_hook(cleanup_);
}

void Instance::OnEnd(napi_async_cleanup_hook_handle, void* data) {
  const auto instance = static_cast<Instance*>(data)->shared_from_this();
  instance->ending = true;
  // One handle of its own, so that the last one to close is seen once.
  instance->HandleOpened();
  for (Endpoint* endpoint : instance->endpoints_) {
    if (endpoint != nullptr) endpoint->Shut();
  }
  instance->HandleClosed();
}

}  // namespace datagram
