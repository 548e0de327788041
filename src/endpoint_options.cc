// Names and options of an endpoint's socket.
#include <cstring>

#include "arguments.h"
#include "endpoint.h"

namespace datagram {
namespace {

Status WriteAddress(Status (*ask)(const SocketState&, Address&), const SocketState& state,
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

Napi::Value Endpoint::LocalAddress(const Napi::CallbackInfo& info) {
  if (Refuse(info, Instance::kReceiveMemory)) return {};
  return Number(info, WriteAddress(datagram::LocalAddress, state_, *instance_));
}

Napi::Value Endpoint::RemoteAddress(const Napi::CallbackInfo& info) {
  if (Refuse(info, Instance::kReceiveMemory)) return {};
  return Number(info, WriteAddress(datagram::RemoteAddress, state_, *instance_));
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

}  // namespace datagram
