// What lib/ sees of the addon.
#include <napi.h>
#include <uv.h>

#include <memory>

#include "backend.h"
#include "endpoint.h"
#include "export_layout.h"
#include "find_handle.h"
#include "instance.h"

namespace datagram {
namespace {

void Set(Napi::Object object, const char* name, size_t number) {
  object.Set(name, static_cast<double>(number));
}

// The fields that the tables' rows carry, by family.
template <typename Row>
bool Carries(const Row&) {
  return true;
}
bool Carries(const EmulatedField& row) { return !row.refines; }

template <typename Row>
void AddFields(const Table<Row>& rows, uint32_t& ipv4, uint32_t& ipv6) {
  for (const Row& row : rows) {
    if (!Carries(row)) continue;
    if (row.family != kIPv6) ipv4 |= row.fields;
    if (row.family != kIPv4) ipv6 |= row.fields;
  }
}

template <typename Row>
Napi::Object FieldsOf(Napi::Env env, const Table<Row>& rows) {
  uint32_t ipv4 = 0;
  uint32_t ipv6 = 0;
  AddFields(rows, ipv4, ipv6);
  Napi::Object fields = Napi::Object::New(env);
  Set(fields, "IPv4", ipv4);
  Set(fields, "IPv6", ipv6);
  return fields;
}

Napi::Object ClassOf(Napi::Env env, const ClassBits& bits) {
  Napi::Object result = Napi::Object::New(env);
  Set(result, "IPv4", bits.ipv4);
  Set(result, "IPv6", bits.ipv6);
  return result;
}

Napi::Object OptionsOf(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
  Set(result, "IPv4", KnownOptions(kIPv4));
  Set(result, "IPv6", KnownOptions(kIPv6));
  return result;
}

Napi::Object DescribeKernel(Napi::Env env) {
  const Kernel& kernel = ThisKernel();
  Napi::Object result = Napi::Object::New(env);
  result.Set("send", FieldsOf(env, kernel.send));
  result.Set("emulated", FieldsOf(env, kernel.emulated));
  result.Set("receive", FieldsOf(env, kernel.receive_options));
  result.Set("options", OptionsOf(env));
  Set(result, "sendFlags", kernel.send_flags);
  result.Set("sourceNeedsWildcard", kernel.source_needs_wildcard);
  result.Set("interfaceDiscardsSource", kernel.interface_discards_source);
  result.Set("sendClass", ClassOf(env, kernel.send_class));
  result.Set("toldClass", ClassOf(env, kernel.reported_class));
  result.Set("sendsCongestionExperienced", kernel.sends_congestion_experienced);
  result.Set("completesSends", kWaiting == Waiting::kCompletion);
  return result;
}

Napi::Value SetMaxSegments(const Napi::CallbackInfo& info) {
  uint32_t value = 0;
  napi_get_value_uint32(info.Env(), info[0], &value);
  Instance& instance = *static_cast<Instance*>(info.Data());
  instance.max_segments = value < 1 ? 1 : value;
  ForgetOffloadFailures(*instance.scratch);
  return info.Env().Undefined();
}

// create(sendSlots, sendRecords, receiveSlots, receiveData, receiveRecords, report, dispatch,
// settle): an instance of its own, as the functions that work on it.
Napi::Value Create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto instance = std::make_shared<Instance>(Environment::Of(env));
  const char* problem = instance->Attach(info);
  if (problem != nullptr) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", problem);
    return {};
  }
  napi_value create_endpoint = nullptr;
  napi_value send = nullptr;
  napi_create_function(env, "createEndpoint", NAPI_AUTO_LENGTH, Endpoint::Make, instance.get(),
                       &create_endpoint);
  napi_create_function(env, "send", NAPI_AUTO_LENGTH, Endpoint::SendViews, instance.get(), &send);
  const Napi::Function receive =
      Napi::Function::New<Endpoint::ReceiveByNumber>(env, "receive", instance.get());
  const Napi::Function set_max_segments =
      Napi::Function::New<SetMaxSegments>(env, "setMaxSegments", instance.get());
  if (!instance->Keep(create_endpoint) || !instance->Keep(send) || !instance->Keep(receive) ||
      !instance->Keep(set_max_segments)) {
    napi_throw_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "No instance could be made");
    return {};
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("createEndpoint", create_endpoint);
  result.Set("send", send);
  result.Set("receive", receive);
  result.Set("setMaxSegments", set_max_segments);
  return result;
}

// interfaceIndex(name): 0 when there is no such interface, below when it could not be looked up.
Napi::Value NameToIndex(const Napi::CallbackInfo& info) {
  char name[kInterfaceNameSize + 1] = {};
  size_t length = 0;
  napi_get_value_string_utf8(info.Env(), info[0], name, sizeof name, &length);
  uint32_t index = 0;
  const Status status = length < kInterfaceNameSize ? InterfaceIndex(name, index) : 0;
  return Napi::Number::New(info.Env(), status != 0 ? status : static_cast<double>(index));
}

// interfaceId(index): what follows % in an IPv6 scope here, a name or a number (RFC 4007, 11.2).
Napi::Value IndexToId(const Napi::CallbackInfo& info) {
  uint32_t index = 0;
  napi_get_value_uint32(info.Env(), info[0], &index);
  char id[UV_IF_NAMESIZE] = {};
  size_t size = sizeof id;
  if (uv_if_indextoiid(index, id, &size) != 0) {
    return Napi::Number::New(info.Env(), index).ToString();
  }
  return Napi::String::New(info.Env(), id, size);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Environment::Create(env);
  napi_create_reference(env, Endpoint::Define(env), 1, &Environment::Of(env)->endpoint_class);
  exports.Set("layout", ExportLayout(env));
  exports.Set("kernel", DescribeKernel(env));
  exports.Set("create", Napi::Function::New<Create>(env, "create"));
  exports.Set("interfaceIndex", Napi::Function::New<NameToIndex>(env, "interfaceIndex"));
  exports.Set("interfaceId", Napi::Function::New<IndexToId>(env, "interfaceId"));
  exports.Set("findHandle", Napi::Function::New<FindHandle>(env, "findHandle"));
  return exports;
}

}  // namespace
}  // namespace datagram

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) {
  return datagram::Init(env, exports);
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, InitModule)
