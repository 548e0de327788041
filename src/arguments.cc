#include "arguments.h"

#include <cstring>

namespace datagram {

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

Family ReadFamily(const Napi::CallbackInfo& info, size_t index) {
  return Unsigned(info, index) == kIPv6 ? kIPv6 : kIPv4;
}

bool ReadBytes(const Napi::CallbackInfo& info, size_t index, Family family, Address& address) {
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

}  // namespace datagram
