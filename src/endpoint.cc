#include "endpoint.h"

#include <cstdlib>
#include <cstring>

#include "earlier_errors.h"
#include "placement.h"

namespace datagram {
namespace {

// A Uint8Array over memory that no other thread shares.
bool ReadView(napi_env env, napi_value value, uint8_t** data, size_t* length) {
  napi_typedarray_type type;
  napi_value buffer;
  void* bytes;
  bool is = false;
  // Of what is no typed array there is no such information.
  if (napi_get_typedarray_info(env, value, &type, length, &bytes, &buffer, nullptr) != napi_ok ||
      type != napi_uint8_array || napi_is_arraybuffer(env, buffer, &is) != napi_ok || !is) {
    return false;
  }
  *data = static_cast<uint8_t*>(bytes);
  return true;
}

uint32_t Unsigned(const Napi::CallbackInfo& info, size_t index) {
  uint32_t value = 0;
  napi_get_value_uint32(info.Env(), info[index], &value);
  return value;
}

int32_t Signed(const Napi::CallbackInfo& info, size_t index) {
  int32_t value = 0;
  napi_get_value_int32(info.Env(), info[index], &value);
  return value;
}

void Throw(napi_env env, const char* code, const char* message) {
  napi_throw_type_error(env, code, message);
}

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

datagram::Family ReadFamily(const Napi::CallbackInfo& info, size_t index) {
  return Unsigned(info, index) == kIPv6 ? kIPv6 : kIPv4;
}

// False, with an exception pending, when it is not 16 bytes.
bool ReadBytes(const Napi::CallbackInfo& info, size_t index, datagram::Family family,
               Address& address) {
  uint8_t* bytes = nullptr;
  size_t length = 0;
  if (!ReadView(info.Env(), info[index], &bytes, &length) || length < sizeof address.bytes) {
    Throw(info.Env(), "ERR_INVALID_ARG_TYPE", "an address is 16 bytes");
    return false;
  }
  address.family = family;
  std::memcpy(address.bytes, bytes, sizeof address.bytes);
  return true;
}

// (family, bytes, port, scope); false, with an exception pending, when they are not that.
bool ReadAddress(const Napi::CallbackInfo& info, Address& address) {
  if (!ReadBytes(info, 1, ReadFamily(info, 0), address)) return false;
  address.port = static_cast<uint16_t>(Unsigned(info, 2));
  address.scope = Unsigned(info, 3);
  return true;
}

Descriptor ReadDescriptor(const Napi::CallbackInfo& info) {
  int64_t number = -1;
  napi_get_value_int64(info.Env(), info[0], &number);
  const auto descriptor = static_cast<Descriptor>(number);
  return static_cast<int64_t>(descriptor) == number ? descriptor : kInvalidDescriptor;
}

}  // namespace

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
    {"pack", &Endpoint::Pack},
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

// --- life ---------------------------------------------------------------------------------------

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

// unchanged(): whether the descriptor that was borrowed still stands for the same socket. False
// where that can't be told.
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
  // Somebody in this loop may watch it already: it stays theirs (UV_EEXIST). Windows cannot tell,
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

// --- names and options --------------------------------------------------------------------------

// bind(family, bytes, port, scope)
Napi::Value Endpoint::Bind(const Napi::CallbackInfo& info) {
  Address address;
  if (Refuse(info) || !ReadAddress(info, address)) return {};
  return Number(info, datagram::Bind(state_, address));
}

// connect(family, bytes, port, scope)
Napi::Value Endpoint::Connect(const Napi::CallbackInfo& info) {
  Address address;
  if (Refuse(info) || !ReadAddress(info, address)) return {};
  return Number(info, datagram::Connect(state_, address));
}

Napi::Value Endpoint::Disconnect(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  return Number(info, datagram::Disconnect(state_));
}

namespace {

Status Tell(Status (*ask)(const SocketState&, Address&), const SocketState& state,
            Instance& instance) {
  Address address;
  const Status status = ask(state, address);
  if (status != 0) return status;
  ReceiveSlot& slot = instance.receive_area.slots[0];
  slot.family = address.family;
  slot.port = address.port;
  slot.addressScope = address.scope;
  std::memcpy(slot.address, address.bytes, sizeof slot.address);
  return 0;
}

}  // namespace

Napi::Value Endpoint::LocalAddress(const Napi::CallbackInfo& info) {
  if (Refuse(info, Instance::kReceiveMemory)) return {};
  return Number(info, Tell(datagram::LocalAddress, state_, *instance_));
}

Napi::Value Endpoint::RemoteAddress(const Napi::CallbackInfo& info) {
  if (Refuse(info, Instance::kReceiveMemory)) return {};
  return Number(info, Tell(datagram::RemoteAddress, state_, *instance_));
}

Napi::Value Endpoint::GetOption(const Napi::CallbackInfo& info) {
  if (Refuse(info, Instance::kReceiveMemory)) return {};
  int value = 0;
  instance_->report->status =
      datagram::GetOption(state_, static_cast<Option>(Unsigned(info, 0)), value);
  return Number(info, value);
}

Napi::Value Endpoint::SetOption(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  return Number(
      info, datagram::SetOption(state_, static_cast<Option>(Unsigned(info, 0)), Signed(info, 1)));
}

// setMembership(join, family, group, interfaceAddress, interfaceIndex, source)
Napi::Value Endpoint::SetMembership(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  const datagram::Family family = ReadFamily(info, 1);
  Address group;
  Address through;
  Address source;
  if (!ReadBytes(info, 2, family, group) || !ReadBytes(info, 3, family, through)) return {};
  if (!info[5].IsUndefined() && !ReadBytes(info, 5, family, source)) return {};
  through.scope = Unsigned(info, 4);
  return Number(info,
                datagram::SetMembership(state_, Unsigned(info, 0) != 0, group, through, source));
}

// setMulticastInterface(family, interfaceAddress, interfaceIndex)
Napi::Value Endpoint::SetMulticastInterface(const Napi::CallbackInfo& info) {
  Address through;
  if (Refuse(info) || !ReadBytes(info, 1, ReadFamily(info, 0), through)) return {};
  through.scope = Unsigned(info, 2);
  return Number(info, datagram::SetMulticastInterface(state_, through));
}

// enableReceive(fields): the report has the first error.
Napi::Value Endpoint::EnableReceive(const Napi::CallbackInfo& info) {
  if (Refuse(info, Instance::kReportMemory)) return {};
  Status status = 0;
  const uint32_t missing = datagram::EnableReceive(state_, Unsigned(info, 0), status);
  instance_->report->status = status;
  return Number(info, missing);
}

Napi::Value Endpoint::WaitReadable(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  const int32_t milliseconds = Signed(info, 0);
  return Napi::Boolean::New(
      info.Env(), datagram::WaitReadable(state_.descriptor, milliseconds < 0 ? 0 : milliseconds));
}

Napi::Value Endpoint::Family(const Napi::CallbackInfo& info) { return Number(info, state_.family); }

Napi::Value Endpoint::Raw(const Napi::CallbackInfo& info) { return Number(info, state_.raw); }

Napi::Value Endpoint::DescriptorNumber(const Napi::CallbackInfo& info) {
  return Number(info, static_cast<double>(static_cast<int64_t>(descriptor_)));
}

Napi::Value Endpoint::Segmentation(const Napi::CallbackInfo& info) {
  return Number(info, state_.segmentation);
}

// --- sending ------------------------------------------------------------------------------------

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

// Says whether the call met errors of earlier datagrams.
void Endpoint::ReportErrors() {
  instance_->report->earlierErrors = state_.errors != nullptr && !state_.errors->empty();
}

napi_value Endpoint::Submit(napi_env env, uint32_t count) {
  Instance& instance = *instance_;
  const SendOutcome outcome =
      datagram::Send(*instance.workspace, state_, instance.messages, count, instance.max_segments);
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
        *instance.workspace, state_, instance.messages[0], instance.max_segments,
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

// --- receiving ----------------------------------------------------------------------------------

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
  const uint32_t spares = Placement::SparesFor(count, expected, Unsigned(info, argument + 7));
  Placement placement;
  if (!ReadChunks(info, argument + 4, spares, placement)) return {};
  placement.Plan(count, expected, length);
  Wait wait = kDontWait;
  const ReceiveArea& area = instance_->receive_area;
  const Status received =
      datagram::Receive(*instance_->workspace, state_, area, placement.places(), count, length,
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
  return PackInto(info, placement, 0, static_cast<uint32_t>(received));
}

// pack(first, count, small, smallUsed, large, largeUsed)
Napi::Value Endpoint::Pack(const Napi::CallbackInfo& info) {
  const uint32_t first = Unsigned(info, 0);
  const uint32_t count = Unsigned(info, 1);
  Placement placement;
  if (!ReadChunks(info, 2, 0, placement)) return {};
  if (count > kSlotCount || first > count) {
    Throw(info.Env(), "ERR_OUT_OF_RANGE", "count is out of range");
    return {};
  }
  return PackInto(info, placement, first, count);
}

// (small, smallUsed, large, largeUsed, spares) from `argument` on; false, with an exception
// pending, when they are not that.
bool Endpoint::ReadChunks(const Napi::CallbackInfo& info, size_t argument, uint32_t most_spares,
                          Placement& placement) {
  const napi_env env = info.Env();
  napi_value spares[kMostSpareChunks];
  uint32_t count = 0;
  if (most_spares > 0 && info[argument + 4].IsArray()) {
    const napi_value array = info[argument + 4];
    napi_get_array_length(env, array, &count);
    if (count > most_spares) count = most_spares;
    // Reading an element can run JavaScript: all are read before the first is looked into.
    for (uint32_t index = 0; index < count; index++) {
      if (napi_get_element(env, array, index, &spares[index]) != napi_ok) return false;
    }
  }
  if (Refuse(info, Instance::kReceiveMemory)) return false;
  bool read =
      ReadView(env, info[argument], &placement.small.data, &placement.small.capacity) &&
      ReadView(env, info[argument + 2], &placement.large[0].data, &placement.large[0].capacity);
  placement.small.used = Unsigned(info, argument + 1);
  placement.large[0].used = Unsigned(info, argument + 3);
  for (uint32_t index = 0; index < count && read; index++) {
    Placement::Chunk& spare = placement.large[1 + index];
    read = ReadView(env, spares[index], &spare.data, &spare.capacity);
  }
  placement.large_count = 1 + count;
  if (!read) Throw(env, "ERR_INVALID_ARG_TYPE", "chunks must be Uint8Arrays");
  return read;
}

Napi::Value Endpoint::PackInto(const Napi::CallbackInfo& info, Placement& placement, uint32_t first,
                               uint32_t count) {
  Report& report = *instance_->report;
  report.packed = static_cast<int32_t>(placement.Pack(instance_->receive_area, first, count));
  report.smallUsed = static_cast<int32_t>(placement.small.used);
  report.largeUsed = static_cast<int32_t>(placement.large[placement.current()].used);
  report.largeChunk = static_cast<int32_t>(placement.current());
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

// --- readiness ----------------------------------------------------------------------------------

// makeWatcher(): all that watch() can fail for is done here.
Napi::Value Endpoint::MakeWatcher(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  return Outcome(info, NewWatcher());
}

// watch(events): tells dispatch() of UV_READABLE and UV_WRITABLE until watch(0). kLater keeps the
// duplicate of a descriptor that somebody else owns, and can close, while nothing is watched for.
Napi::Value Endpoint::Watch(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  const int asked = Signed(info, 0);
  // For UV_DISCONNECT alone only errors are told, as for every event.
  const int events = asked & (UV_READABLE | UV_WRITABLE | UV_DISCONNECT);
  if (events == 0 && (asked & kLater) == 0) {
    StopWatching();
    return Number(info, 0);
  }
  return Outcome(info, StartWatching(events));
}

// setHold(boolean): whether watching keeps the event loop alive, as ref() and unref() have it.
Napi::Value Endpoint::SetHold(const Napi::CallbackInfo& info) {
  hold_ = Unsigned(info, 0) != 0;
  if (watcher_ != nullptr) {
    auto* handle = reinterpret_cast<uv_handle_t*>(watcher_->handle);
    hold_ ? uv_ref(handle) : uv_unref(handle);
  }
  if constexpr (kWaiting == Waiting::kCompletion) {
    for (Operation* at = operations_; at != nullptr; at = at->next) HoldSend(at->pending, hold_);
  }
  return Number(info, 0);
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

WatchOutcome Endpoint::NewWatcher() {
  if (descriptor_ == kInvalidDescriptor) return {0, LibuvError{UV_EBADF}};
  if (watcher_ != nullptr) return {};
  auto watcher = std::make_unique<Watcher>();
  Descriptor descriptor = descriptor_;
  if (!state_.owned) {
    const Status status = DuplicateForWatching(descriptor_, watcher->duplicate);
    if (status != 0) return {status};
    descriptor = watcher->duplicate;
  }
  // What is about to be adopted is still somebody else's.
  const bool own = state_.owned && state_.journal == nullptr;
  watcher->handle = static_cast<uv_poll_t*>(std::calloc(1, uv_handle_size(UV_POLL)));
  const int refused = watcher->handle == nullptr ? UV_ENOMEM
                                                 : WatchInit(instance_->environment->loop,
                                                             watcher->handle, descriptor, own);
  if (refused != 0) {
    std::free(watcher->handle);
    if (!state_.owned) CloseDescriptor(watcher->duplicate);
    return {0, LibuvError{refused}};
  }
  watcher->instance = instance_;
  watcher->endpoint = this;
  watcher_ = watcher.release();
  watcher_->handle->data = watcher_;
  state_.descriptor = descriptor;
  instance_->environment->HandleOpened();
  if (!hold_) uv_unref(reinterpret_cast<uv_handle_t*>(watcher_->handle));
  return {};
}

WatchOutcome Endpoint::StartWatching(int events) {
  const WatchOutcome made = NewWatcher();
  if (made.failed()) return made;
  const int refused = events == 0 ? uv_poll_stop(watcher_->handle)
                                  : uv_poll_start(watcher_->handle, events, OnEvent);
  if (refused != 0) return {0, LibuvError{refused}};
  if (!watching_) {
    watching_ = true;
    Ref();  // what is watched is not collected
  }
  return {};
}

void Endpoint::StopWatching() {
  if (watcher_ == nullptr) return;
  if (!state_.owned) {
    CloseWatcher();
    return;
  }
  uv_poll_stop(watcher_->handle);
  if (watching_) {
    watching_ = false;
    Unref();
  }
}

void Endpoint::CloseWatcher() {
  if (watcher_ == nullptr) return;
  Watcher* watcher = watcher_;
  watcher_ = nullptr;
  watcher->endpoint = nullptr;
  const Descriptor duplicate = watcher->duplicate;  // Deno's uv_close calls back at once
  uv_poll_stop(watcher->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(watcher->handle), [](uv_handle_t* handle) {
    const std::unique_ptr<Watcher> closed(static_cast<Watcher*>(handle->data));
    std::free(handle);
    closed->instance->environment->HandleClosed();
  });
  // Once the handle is closing libuv has let go of the descriptor.
  if (duplicate != kInvalidDescriptor) CloseDescriptor(duplicate);
  state_.descriptor = descriptor_;
  if (watching_) {
    watching_ = false;
    if (!instance_->environment->ending) Unref();
  }
}

void Endpoint::OnEvent(uv_poll_t* handle, int status, int events) {
  Endpoint* endpoint = static_cast<Watcher*>(handle->data)->endpoint;
  if (endpoint == nullptr || endpoint->instance_->environment->ending) return;
  const std::shared_ptr<Instance> instance = endpoint->instance_;
  napi_handle_scope scope;
  if (napi_open_handle_scope(instance->env, &scope) != napi_ok) return;
  napi_value value = nullptr;
  if (napi_get_reference_value(instance->env, *endpoint, &value) == napi_ok && value != nullptr) {
    const Instance::Context context = endpoint->context_;  // it may be closed meanwhile
    // Each is a callback of its own: between them run ticks and promises, as between dgram's.
    bool more = instance->Dispatch(context, value, status, events);
    while (more && !instance->environment->ending) more = instance->Dispatch(context, value, 0, 0);
  }
  napi_close_handle_scope(instance->env, scope);
}

}  // namespace datagram
