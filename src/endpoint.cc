#include "endpoint.h"

#include "arguments.h"

namespace datagram {

const Endpoint::Method Endpoint::kMethods[] = {
    {"open", &Endpoint::Open},
    {"borrow", &Endpoint::Borrow},
    {"adopt", &Endpoint::Adopt},
    {"endAdoption", &Endpoint::EndAdoption},
    {"close", &Endpoint::Close},
    {"bind", &Endpoint::Bind},
    {"connect", &Endpoint::Connect},
    {"disconnect", &Endpoint::Disconnect},
    {"localAddress", &Endpoint::LocalAddress},
    {"remoteAddress", &Endpoint::RemoteAddress},
    {"getOption", &Endpoint::GetOption},
    {"setOption", &Endpoint::SetOption},
    {"setMembership", &Endpoint::SetMembership},
    {"setMulticastInterface", &Endpoint::SetMulticastInterface},
    {"enableReceive", &Endpoint::EnableReceive},
    {"waitReadable", &Endpoint::WaitReadable},
    {"send", &Endpoint::Send},
    {"startSend", &Endpoint::StartSend},
    {"cancelSend", &Endpoint::CancelSend},
    {"receive", &Endpoint::Receive},
    {"receiveErrors", &Endpoint::ReceiveErrors},
    {"makeWatcher", &Endpoint::MakeWatcher},
    {"watch", &Endpoint::Watch},
    {"setHold", &Endpoint::SetHold},
    {"setContext", &Endpoint::SetContext},
    {"family", &Endpoint::Family},
    {"raw", &Endpoint::Raw},
    {"descriptor", &Endpoint::DescriptorNumber},
    {"segmentation", &Endpoint::Segmentation},
    {"unchanged", &Endpoint::Unchanged},
};

Napi::Function Endpoint::Define(Napi::Env env) {
  // Not InstanceMethod<…>(): a function for each of them would be a fifth of the addon.
  std::vector<PropertyDescriptor> properties;
  for (const Method& method : kMethods) {
    properties.push_back(InstanceMethod(method.name, method.call));
  }
  return DefineClass(env, "Endpoint", properties);
}

// createEndpoint(): not a class of each instance's own, nor to be called by `new`, which would keep
// the instance's function for ever (V8's cache of what templates were made into).
napi_value Endpoint::Make(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  size_t given = 0;
  if (napi_get_cb_info(env, info, &given, nullptr, nullptr, &data) != napi_ok) return nullptr;
  auto& instance = *static_cast<Instance*>(data);
  napi_value constructor = nullptr;
  napi_value endpoint = nullptr;
  napi_get_reference_value(env, instance.environment->endpoint_class, &constructor);
  instance.environment->maker = &instance;
  const napi_status status = napi_new_instance(env, constructor, 0, nullptr, &endpoint);
  instance.environment->maker = nullptr;
  return status == napi_ok && instance.Hold(endpoint) ? endpoint : nullptr;
}

Endpoint::Endpoint(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Endpoint>(info) {
  Instance* maker = Environment::Of(info.Env())->maker;
  if (maker == nullptr) {
    Throw(info.Env(), "ERR_ILLEGAL_CONSTRUCTOR", "Illegal constructor");
    return;
  }
  instance_ = maker->shared_from_this();
  number_ = instance_->Register(this);
  // Not by assignment: that would call a setter of the prototype.
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("number", Napi::Number::New(info.Env(), number_)));
}

Endpoint::~Endpoint() {
  if (instance_ == nullptr) return;
  Shut();
  for (Operation* at = operations_; at != nullptr; at = at->next) at->endpoint = nullptr;
  instance_->Unregister(number_);
}

bool Endpoint::Refuse(const Napi::CallbackInfo& info, uint32_t memory) const {
  return Refuse(info.Env(), *instance_, memory);
}

bool Endpoint::Refuse(napi_env env, const Instance& instance, uint32_t memory) {
  if (instance.environment->ending) {
    Throw(env, "ERR_INVALID_STATE", "The thread ends");
    return true;
  }
  if (instance.MemoryIsThere(memory)) return false;
  Throw(env, "ERR_INVALID_STATE", "The memory given to create() was detached or resized");
  return true;
}

Napi::Value Endpoint::Number(const Napi::CallbackInfo& info, double value) const {
  napi_value result = nullptr;
  napi_create_double(info.Env(), value, &result);
  return {info.Env(), result};
}

// 0; the system's error, negated; or the name of libuv's.
Napi::Value Endpoint::Outcome(const Napi::CallbackInfo& info, const WatchOutcome& outcome) const {
  if (outcome.libuv == LibuvError::kNone) return Number(info, outcome.status);
  char name[64] = {};
  uv_err_name_r(static_cast<int>(outcome.libuv), name, sizeof name);
  return Napi::String::New(info.Env(), name);
}

Napi::Value Endpoint::Open(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  if (descriptor_ != kInvalidDescriptor) {
    Throw(info.Env(), "ERR_INVALID_STATE", "The endpoint is open");
    return {};
  }
  state_ = SocketState();
  const Status status =
      OpenSocket(ReadFamily(info, 0), Unsigned(info, 1) != 0, Signed(info, 2), state_);
  if (status == 0) descriptor_ = state_.descriptor;
  return Number(info, status);
}

Napi::Value Endpoint::Borrow(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  if (descriptor_ != kInvalidDescriptor) {
    Throw(info.Env(), "ERR_INVALID_STATE", "The endpoint is open");
    return {};
  }
  const Status status = BorrowSocket(ReadDescriptor(info), state_);
  if (status == 0) {
    descriptor_ = state_.descriptor;
    identity_ = IdentityOf(descriptor_);
  }
  return Number(info, status);
}

// unchanged(): whether the borrowed descriptor still stands for the same socket. False where the
// socket has no identity.
Napi::Value Endpoint::Unchanged(const Napi::CallbackInfo& info) {
  // The duplicate is the socket itself: that it was bound or connected meanwhile makes it no other.
  if (state_.descriptor != descriptor_) identity_ = IdentityOf(state_.descriptor);
  const uint64_t now = IdentityOf(descriptor_);
  return Napi::Boolean::New(info.Env(), now != 0 && now == identity_);
}

// adopt(descriptor): in place of what is open. Options that are set from now on are noted, until
// endAdoption() decides: what is refused is as it was, and so is what was open.
Napi::Value Endpoint::Adopt(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  const Descriptor descriptor = ReadDescriptor(info);
  if (descriptor != kInvalidDescriptor && descriptor == descriptor_) {
    Throw(info.Env(), "ERR_INVALID_STATE", "The endpoint has this descriptor");
    return {};
  }
  if (adoption_ != nullptr) {
    Throw(info.Env(), "ERR_INVALID_STATE", "The endpoint is adopting a descriptor");
    return {};
  }
  SocketState adopted;
  const Status status = BorrowSocket(descriptor, adopted);
  if (status != 0) return Number(info, status);
  CloseWatcher();
  adoption_ = std::make_unique<Adoption>(Adoption{state_, descriptor_, {}});
  state_ = adopted;
  state_.owned = true;  // it is watched itself, not by a duplicate
  state_.journal = &adoption_->journal;
  descriptor_ = descriptor;
  // Somebody in this loop may watch it already: it stays theirs (UV_EEXIST). Windows cannot know,
  // and changes the socket for good: there it is the last thing to be done.
  const WatchOutcome watched = kWaiting == Waiting::kReadiness ? NewWatcher() : WatchOutcome{};
  if (watched.failed()) SettleAdoption(false);
  return Outcome(info, watched);
}

// endAdoption(keep): the status of keeping it; when that fails it is put back.
Napi::Value Endpoint::EndAdoption(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  if (adoption_ == nullptr) {
    Throw(info.Env(), "ERR_INVALID_STATE", "The endpoint adopts nothing");
    return {};
  }
  return Outcome(info, SettleAdoption(Unsigned(info, 0) != 0));
}

WatchOutcome Endpoint::SettleAdoption(bool keep) {
  const std::unique_ptr<Adoption> adoption = std::move(adoption_);
  const Descriptor former = adoption->former_descriptor;
  WatchOutcome outcome;
  if (keep) {
    outcome = NewWatcher();
    if (!outcome.failed()) outcome = {TakeOver(state_)};
    if (!outcome.failed()) {
      state_.journal = nullptr;
      if (adoption->former.owned && former != kInvalidDescriptor) CloseDescriptor(former);
      return outcome;
    }
  }
  RestoreOptions(descriptor_, adoption->journal);
  CloseWatcher();
  state_ = adoption->former;
  descriptor_ = former;
  return outcome;
}

Status Endpoint::Shut() {
  if (adoption_ != nullptr) SettleAdoption(false);
  CloseWatcher();
  if constexpr (kWaiting == Waiting::kCompletion) {
    for (Operation* operation = operations_; operation != nullptr; operation = operation->next) {
      datagram::CancelSend(operation->pending, true);
    }
  }
  if (descriptor_ == kInvalidDescriptor) return 0;
  const Status status = state_.owned ? CloseDescriptor(descriptor_) : 0;
  descriptor_ = kInvalidDescriptor;
  state_.descriptor = kInvalidDescriptor;
  return status;
}

Napi::Value Endpoint::Close(const Napi::CallbackInfo& info) {
  context_.reset();
  return Number(info, Shut());
}

// setContext(resource, type): until close() what this endpoint calls runs in the async context of
// this call; `resource` stands for it while the caller keeps it.
Napi::Value Endpoint::SetContext(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  if (!info[0].IsObject() || !info[1].IsString()) {
    Throw(info.Env(), "ERR_INVALID_ARG_TYPE", "a context is of an object and a string");
    return {};
  }
  context_ = std::make_shared<AsyncContext>(info.Env(), info[0], info[1]);
  return {};
}

}  // namespace datagram
