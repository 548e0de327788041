#include "export_layout.h"

#include <uv.h>

#include "endpoint.h"
#include "layout.h"

namespace datagram {
namespace {

// Names stand in the tables themselves: a pointer to each would take a relocation.
struct NamedNumber {
  char name[20];
  uint32_t value;
};

#define SENDMSG_SEND(type, name, array, meaning) {#name, offsetof(SendSlot, name)},
#define SENDMSG_RECEIVE(type, name, array, meaning) {#name, offsetof(ReceiveSlot, name)},
#define SENDMSG_ERROR(type, name, array, meaning) {#name, offsetof(ErrorSlot, name)},
#define SENDMSG_REPORTED(type, name, array, meaning) {#name, offsetof(Report, name)},
#define SENDMSG_RECORD(type, name, array, meaning) {#name, offsetof(ControlRecord, name)},
#define SENDMSG_NUMBER(constant, name) {#name, constant},
#define SENDMSG_OPTION(constant, name) {#name, static_cast<uint32_t>(Option::constant)},

const NamedNumber kSendSlot[] = {SENDMSG_SEND_SLOT(SENDMSG_SEND){"slotSize", sizeof(SendSlot)}};
const NamedNumber kReceiveSlot[] = {
    SENDMSG_RECEIVE_SLOT(SENDMSG_RECEIVE){"slotSize", sizeof(ReceiveSlot)}};
const NamedNumber kErrorSlot[] = {SENDMSG_ERROR_SLOT(SENDMSG_ERROR){"slotSize", sizeof(ErrorSlot)}};
const NamedNumber kReport[] = {SENDMSG_REPORT(SENDMSG_REPORTED){"slotSize", sizeof(Report)}};
const NamedNumber kRecord[] = {
    SENDMSG_CONTROL_RECORD(SENDMSG_RECORD){"slotSize", sizeof(ControlRecord)}};
const NamedNumber kFields[] = {SENDMSG_FIELDS(SENDMSG_NUMBER)};
const NamedNumber kSendFlags[] = {SENDMSG_SEND_FLAGS(SENDMSG_NUMBER)};
const NamedNumber kPresent[] = {SENDMSG_PRESENT(SENDMSG_NUMBER)};
const NamedNumber kDontFragment[] = {SENDMSG_DONT_FRAGMENT(SENDMSG_NUMBER)};
const NamedNumber kCasts[] = {SENDMSG_CASTS(SENDMSG_NUMBER)};
const NamedNumber kErrorOrigins[] = {SENDMSG_ERROR_ORIGINS(SENDMSG_NUMBER)};
const NamedNumber kWaits[] = {SENDMSG_WAITS(SENDMSG_NUMBER)};
const NamedNumber kOptions[] = {SENDMSG_OPTIONS(SENDMSG_OPTION)};
const NamedNumber kSendClocks[] = {SENDMSG_SEND_CLOCKS(SENDMSG_NUMBER)};
const NamedNumber kSizes[] = {
    {"slotCount", kSlotCount},
    {"sendControlArena", kSendControlArena},
    {"receiveStride", kReceiveStride},
    {"recordStride", kRecordStride},
    {"recordAlignment", kRecordAlignment},
    {"receiveControlRoom", kReceiveControlRoom},
    {"maxBuffers", kMaxBuffers},
    {"maxDatagram", kMaxDatagram},
    {"mostSpareChunks", kMostSpareChunks},
    {"smallMessage", kSmallMessage},
    {"smallChunk", kSmallChunk},
    {"largeChunk", kLargeChunk},
};
// What watch() takes, and onReady() is told.
const NamedNumber kReadiness[] = {
    {"readable", UV_READABLE},
    {"writable", UV_WRITABLE},
    {"errors", UV_DISCONNECT},
    {"later", Endpoint::kLater},
};

struct Part {
  char name[16];
  uint32_t count;
  const NamedNumber* numbers;
};

template <size_t N>
constexpr uint32_t CountOf(const NamedNumber (&)[N]) {
  return N;
}

const Part kParts[] = {
    {"sizes", CountOf(kSizes), kSizes},
    {"send", CountOf(kSendSlot), kSendSlot},
    {"receive", CountOf(kReceiveSlot), kReceiveSlot},
    {"error", CountOf(kErrorSlot), kErrorSlot},
    {"report", CountOf(kReport), kReport},
    {"record", CountOf(kRecord), kRecord},
};
const Part kEnums[] = {
    {"field", CountOf(kFields), kFields},
    {"sendFlag", CountOf(kSendFlags), kSendFlags},
    {"present", CountOf(kPresent), kPresent},
    {"dontFragment", CountOf(kDontFragment), kDontFragment},
    {"cast", CountOf(kCasts), kCasts},
    {"errorOrigin", CountOf(kErrorOrigins), kErrorOrigins},
    {"wait", CountOf(kWaits), kWaits},
    {"option", CountOf(kOptions), kOptions},
    {"sendClock", CountOf(kSendClocks), kSendClocks},
    {"readiness", CountOf(kReadiness), kReadiness},
};

template <size_t N>
napi_value ObjectOf(napi_env env, const Part (&parts)[N]) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  for (const Part& part : parts) {
    napi_value numbers = nullptr;
    napi_create_object(env, &numbers);
    for (uint32_t index = 0; index < part.count; index++) {
      const NamedNumber& number = part.numbers[index];
      napi_value value = nullptr;
      napi_create_uint32(env, number.value, &value);
      napi_set_named_property(env, numbers, number.name, value);
    }
    napi_set_named_property(env, object, part.name, numbers);
  }
  return object;
}

}  // namespace

napi_value ExportLayout(napi_env env) {
  napi_value layout = ObjectOf(env, kParts);
  napi_set_named_property(env, layout, "enums", ObjectOf(env, kEnums));
  return layout;
}

}  // namespace datagram
