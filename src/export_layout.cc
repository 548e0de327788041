#include "export_layout.h"

#include <uv.h>

#include <cstring>

#include "endpoint.h"
#include "layout.h"

namespace datagram {
namespace {

// A pointer to each name would take a relocation, so the names of all parts stand in one text. A
// part is its name, then the names of its numbers, each with a NUL, then one more NUL. The numbers
// of all parts stand in the same order.
#define SENDMSG_NAME(constant, name) #name "\0"
#define SENDMSG_MEMBER_NAME(type, name, array, meaning) #name "\0"
#define SENDMSG_NUMBER(constant, name) constant,
#define SENDMSG_OPTION(constant, name) static_cast<uint32_t>(Option::constant),
#define SENDMSG_SEND(type, name, array, meaning) offsetof(SendSlot, name),
#define SENDMSG_RECEIVE(type, name, array, meaning) offsetof(ReceiveSlot, name),
#define SENDMSG_ERROR(type, name, array, meaning) offsetof(ErrorSlot, name),
#define SENDMSG_REPORTED(type, name, array, meaning) offsetof(Report, name),
#define SENDMSG_RECORD(type, name, array, meaning) offsetof(ControlRecord, name),

#define SENDMSG_SIZES(X)                     \
  X(kSlotCount, slotCount)                   \
  X(kSendControlArena, sendControlArena)     \
  X(kReceiveStride, receiveStride)           \
  X(kRecordStride, recordStride)             \
  X(kRecordAlignment, recordAlignment)       \
  X(kReceiveControlRoom, receiveControlRoom) \
  X(kMaxBuffers, maxBuffers)                 \
  X(kMaxDatagram, maxDatagram)               \
  X(kMaxChunks, maxChunks)                   \
  X(kSmallMessage, smallMessage)             \
  X(kSmallChunk, smallChunk)                 \
  X(kLargeChunk, largeChunk)

// What watch() takes, and onReady() is told.
#define SENDMSG_READINESS(X) \
  X(UV_READABLE, readable)   \
  X(UV_WRITABLE, writable)   \
  X(UV_DISCONNECT, errors)   \
  X(Endpoint::kLater, later)

// clang-format off
const char kPartNames[] =
    "sizes\0" SENDMSG_SIZES(SENDMSG_NAME) "\0"
    "send\0" SENDMSG_SEND_SLOT(SENDMSG_MEMBER_NAME) "slotSize\0" "\0"
    "receive\0" SENDMSG_RECEIVE_SLOT(SENDMSG_MEMBER_NAME) "slotSize\0" "\0"
    "error\0" SENDMSG_ERROR_SLOT(SENDMSG_MEMBER_NAME) "slotSize\0" "\0"
    "report\0" SENDMSG_REPORT(SENDMSG_MEMBER_NAME) "slotSize\0" "\0"
    "record\0" SENDMSG_CONTROL_RECORD(SENDMSG_MEMBER_NAME) "slotSize\0" "\0";
const uint32_t kPartNumbers[] = {
    SENDMSG_SIZES(SENDMSG_NUMBER)
    SENDMSG_SEND_SLOT(SENDMSG_SEND) sizeof(SendSlot),
    SENDMSG_RECEIVE_SLOT(SENDMSG_RECEIVE) sizeof(ReceiveSlot),
    SENDMSG_ERROR_SLOT(SENDMSG_ERROR) sizeof(ErrorSlot),
    SENDMSG_REPORT(SENDMSG_REPORTED) sizeof(Report),
    SENDMSG_CONTROL_RECORD(SENDMSG_RECORD) sizeof(ControlRecord),
};

const char kEnumNames[] =
    "field\0" SENDMSG_FIELDS(SENDMSG_NAME) "\0"
    "sendFlag\0" SENDMSG_SEND_FLAGS(SENDMSG_NAME) "\0"
    "present\0" SENDMSG_PRESENT(SENDMSG_NAME) "\0"
    "dontFragment\0" SENDMSG_DONT_FRAGMENT(SENDMSG_NAME) "\0"
    "cast\0" SENDMSG_CASTS(SENDMSG_NAME) "\0"
    "errorOrigin\0" SENDMSG_ERROR_ORIGINS(SENDMSG_NAME) "\0"
    "dataPlace\0" SENDMSG_DATA_PLACES(SENDMSG_NAME) "\0"
    "wait\0" SENDMSG_WAITS(SENDMSG_NAME) "\0"
    "option\0" SENDMSG_OPTIONS(SENDMSG_NAME) "\0"
    "sendClock\0" SENDMSG_SEND_CLOCKS(SENDMSG_NAME) "\0"
    "readiness\0" SENDMSG_READINESS(SENDMSG_NAME) "\0";
const uint32_t kEnumNumbers[] = {
    SENDMSG_FIELDS(SENDMSG_NUMBER)
    SENDMSG_SEND_FLAGS(SENDMSG_NUMBER)
    SENDMSG_PRESENT(SENDMSG_NUMBER)
    SENDMSG_DONT_FRAGMENT(SENDMSG_NUMBER)
    SENDMSG_CASTS(SENDMSG_NUMBER)
    SENDMSG_ERROR_ORIGINS(SENDMSG_NUMBER)
    SENDMSG_DATA_PLACES(SENDMSG_NUMBER)
    SENDMSG_WAITS(SENDMSG_NUMBER)
    SENDMSG_OPTIONS(SENDMSG_OPTION)
    SENDMSG_SEND_CLOCKS(SENDMSG_NUMBER)
    SENDMSG_READINESS(SENDMSG_NUMBER)
};
// clang-format on

napi_value ObjectOf(napi_env env, const char* name, const uint32_t* number) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  while (*name != '\0') {
    napi_value part = nullptr;
    napi_create_object(env, &part);
    napi_set_named_property(env, object, name, part);
    for (name += std::strlen(name) + 1; *name != '\0'; name += std::strlen(name) + 1) {
      napi_value value = nullptr;
      napi_create_uint32(env, *number++, &value);
      napi_set_named_property(env, part, name, value);
    }
    name++;
  }
  return object;
}

}  // namespace

napi_value ExportLayout(napi_env env) {
  napi_value layout = ObjectOf(env, kPartNames, kPartNumbers);
  napi_set_named_property(env, layout, "enums", ObjectOf(env, kEnumNames, kEnumNumbers));
  return layout;
}

}  // namespace datagram
