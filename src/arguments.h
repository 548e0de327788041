// Arguments of the calls that JavaScript makes.
#ifndef SENDMSG_SRC_ARGUMENTS_H_
#define SENDMSG_SRC_ARGUMENTS_H_

#include <napi.h>

#include "backend.h"

namespace datagram {

// A Uint8Array over memory that no other thread shares.
bool ReadView(napi_env env, napi_value value, uint8_t** data, size_t* length);

uint32_t Unsigned(const Napi::CallbackInfo& info, size_t index);
int32_t Signed(const Napi::CallbackInfo& info, size_t index);

void Throw(napi_env env, const char* code, const char* message);

Family ReadFamily(const Napi::CallbackInfo& info, size_t index);
// False, with an exception pending, when it is not 16 bytes.
bool ReadBytes(const Napi::CallbackInfo& info, size_t index, Family family, Address& address);
// (family, bytes, port, scope); false, with an exception pending, when they are not that.
bool ReadAddress(const Napi::CallbackInfo& info, Address& address);
// kInvalidDescriptor when it is no number of a descriptor.
Descriptor ReadDescriptor(const Napi::CallbackInfo& info);

}  // namespace datagram

#endif  // SENDMSG_SRC_ARGUMENTS_H_
