#include "instance.h"

#include <cstring>
#include <utility>

#include "endpoint.h"

namespace datagram {

Environment::Environment(napi_env environment) : env(environment) {
  napi_get_uv_event_loop(env, &loop);
  napi_add_async_cleanup_hook(env, OnEnd, this, &cleanup_);
  const napi_node_version* version = nullptr;
  // Deno lets go of a hook when it calls it, and once more when it is removed
  // (ext/napi/node_api.rs).
  if (napi_get_node_version(env, &version) == napi_ok &&
      std::strcmp(version->release, "node") != 0) {
    cleanup_ = nullptr;
  }
}

void Environment::Create(napi_env env) {
  Napi::Env(env).SetInstanceData(
      new std::shared_ptr<Environment>(std::make_shared<Environment>(env)));
}

const std::shared_ptr<Environment>& Environment::Of(napi_env env) {
  return *Napi::Env(env).GetInstanceData<std::shared_ptr<Environment>>();
}

void Environment::HandleClosed() {
  open_handles_--;
  if (ending && open_handles_ == 0 && cleanup_ != nullptr) napi_remove_async_cleanup_hook(cleanup_);
}

void Environment::OnEnd(napi_async_cleanup_hook_handle, void* data) {
  const auto environment = static_cast<Environment*>(data)->shared_from_this();
  environment->ending = true;
  // One handle of its own, so that the last one to close is seen once.
  environment->HandleOpened();
  // An instance goes with its last handle, where closing one calls back at once (Deno).
  std::vector<std::shared_ptr<Instance>> instances;
  for (Instance* instance : environment->instances_) {
    if (auto held = instance->weak_from_this().lock()) instances.push_back(std::move(held));
  }
  for (const auto& instance : instances) instance->Shut();
  environment->HandleClosed();
}

Instance::Instance(std::shared_ptr<Environment> its_environment)
    : environment(std::move(its_environment)), env(environment->env), scratch(CreateScratch()) {
  environment->Add(this);
}

Instance::~Instance() {
  environment->Remove(this);
  for (const Memory& memory : memory_) {
    if (memory.reference != nullptr) napi_delete_reference(env, memory.reference);
  }
  if (dispatch_ != nullptr) napi_delete_reference(env, dispatch_);
  if (settle_ != nullptr) napi_delete_reference(env, settle_);
  if (held_ != nullptr) napi_delete_reference(env, held_);
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
  if (info.Length() != kMemoryCount + 2 || !info[kMemoryCount].IsFunction() ||
      !info[kMemoryCount + 1].IsFunction()) {
    return "create() takes six ArrayBuffers and two functions";
  }
  uint8_t* data[kMemoryCount];
  for (size_t index = 0; index < kMemoryCount; index++) {
    if (!info[index].IsArrayBuffer()) return "create() takes six ArrayBuffers and two functions";
    for (size_t other = 0; other < index; other++) {
      if (info[index].StrictEquals(info[other])) return "create() takes six different ArrayBuffers";
    }
    auto buffer = info[index].As<Napi::ArrayBuffer>();
    if (buffer.ByteLength() < sizes[index]) return "a buffer given to create() is too small";
    data[index] = static_cast<uint8_t*>(buffer.Data());
  }
  for (size_t index = 0; index < kMemoryCount; index++) {
    Memory& memory = memory_[index];
    memory = {nullptr, data[index], sizes[index]};
    if (napi_create_reference(env, info[index], 0, &memory.reference) != napi_ok) {
      return "out of memory";
    }
  }
  send_slots = reinterpret_cast<SendSlot*>(data[0]);
  send_records = data[1];
  receive_area = {reinterpret_cast<ReceiveSlot*>(data[2]), data[3], kReceiveStride, data[4],
                  kRecordStride};
  report = reinterpret_cast<Report*>(data[5]);
  if (napi_create_reference(env, info[kMemoryCount + 1], 0, &settle_) != napi_ok ||
      napi_create_reference(env, info[kMemoryCount], 0, &dispatch_) != napi_ok) {
    return "out of memory";
  }
  Napi::Array held = Napi::Array::New(env, info.Length());
  for (uint32_t index = 0; index < info.Length(); index++) held.Set(index, info[index]);
  held.Freeze();
  if (napi_create_reference(env, held, 0, &held_) != napi_ok) return "out of memory";
  return nullptr;
}

bool Instance::Keep(napi_value function) {
  auto* owner = new std::shared_ptr<Instance>(shared_from_this());
  const auto release = [](napi_env, void* data, void*) {
    delete static_cast<std::shared_ptr<Instance>*>(data);
  };
  if (napi_add_finalizer(env, function, owner, release, nullptr, nullptr) != napi_ok) {
    delete owner;
    return false;
  }
  return Hold(function);
}

bool Instance::Hold(napi_value object) const {
  // Under a symbol of its own, and for good: neither written, nor deleted, nor listed.
  napi_value name = nullptr;
  napi_value held = nullptr;
  napi_property_descriptor property = {};
  if (napi_get_reference_value(env, held_, &held) != napi_ok || held == nullptr ||
      napi_create_symbol(env, nullptr, &name) != napi_ok) {
    return false;
  }
  property.name = name;
  property.value = held;
  property.attributes = napi_default;
  return napi_define_properties(env, object, 1, &property) == napi_ok;
}

bool Instance::MemoryIsThere(uint32_t parts) const {
  for (size_t index = 0; index < kMemoryCount; index++) {
    if ((parts & (1U << index)) == 0) continue;
    const Memory& memory = memory_[index];
    napi_value buffer = nullptr;
    void* data = nullptr;
    size_t size = 0;
    if (napi_get_reference_value(env, memory.reference, &buffer) != napi_ok || buffer == nullptr ||
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
      napi_get_and_clear_last_exception(env, &error) == napi_ok && !environment->ending) {
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

void Instance::Shut() {
  for (Endpoint* endpoint : endpoints_) {
    if (endpoint != nullptr) endpoint->Shut();
  }
}

}  // namespace datagram
