// The backend's contract (backend.h, syscalls.h, provider.h) for a test to call: contract.test.ts.
// It asks of WSASendMsg what the library's own interface never does. Linked with the addon's
// objects, and never shipped.
#include <napi.h>

#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "address.h"
#include "backend.h"
#include "export_layout.h"
#include "provider.h"
#include "syscalls.h"

namespace datagram {
namespace {

struct Contract {
  ScratchPointer scratch = CreateScratch();
};

Scratch& ScratchOf(Napi::Env env) { return *env.GetInstanceData<Contract>()->scratch; }

Buffer BufferOf(Napi::Value value) {
  auto view = value.As<Napi::Uint8Array>();
  return MakeBuffer(view.Data(), view.ByteLength());
}

Address AddressOf(Napi::Value bytes, Napi::Value port) {
  const Buffer given = BufferOf(bytes);
  Address address;
  address.family = BufferLength(given) == 4 ? kIPv4 : kIPv6;
  address.port = static_cast<uint16_t>(port.ToNumber().Uint32Value());
  std::memcpy(address.bytes, BufferData(given), BufferLength(given));
  return address;
}

// A message with all that the contract wants beside it: { data, address?, port?, records?, flags?
// }.
class Message {
 public:
  explicit Message(Napi::Object given)
      : data_(BufferOf(given.Get("data"))), message_{&slot_, &data_, BufferLength(data_), nullptr} {
    slot_.bufferCount = 1;
    slot_.controlFamily = kIPv4;
    if (given.Has("address")) {
      const Address to = AddressOf(given.Get("address"), given.Get("port"));
      slot_.destinationFamily = slot_.controlFamily = to.family;
      slot_.destinationPort = to.port;
      std::memcpy(slot_.destination, to.bytes, sizeof slot_.destination);
    }
    if (given.Has("records")) {
      const Buffer records = BufferOf(given.Get("records"));
      slot_.fields = kControl;
      slot_.controlLength = static_cast<uint32_t>(BufferLength(records));
      message_.records = BufferData(records);
    }
    if (given.Has("flags")) {
      slot_.flags = static_cast<uint8_t>(given.Get("flags").ToNumber().Uint32Value());
    }
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  const OutgoingMessage& get() const { return message_; }
  uint32_t sent() const { return slot_.sent; }

 private:
  SendSlot slot_ = {};
  Buffer data_;
  OutgoingMessage message_;
};

// A header of any shape: { data, address?, port?, nameLength?, control?, controlLength? }. Without
// an address name is null, without control Control.buf is; the lengths are what they are said to
// be.
class Header {
 public:
  Header(Family family, Napi::Object given) : data_(BufferOf(given.Get("data"))) {
    socklen_t name_length = 0;
    sockaddr* name = nullptr;
    if (given.Has("address")) {
      name_length = Encode(family, AddressOf(given.Get("address"), given.Get("port")), name_);
      name = &name_.any;
    }
    if (given.Has("nameLength")) name_length = given.Get("nameLength").ToNumber().Int32Value();
    size_t control_length = 0;
    uint8_t* control = nullptr;
    if (given.Has("control")) {
      const Buffer bytes = BufferOf(given.Get("control"));
      control_length = BufferLength(bytes);
      control_.resize(control_length / sizeof(uint64_t) + 1);
      control = reinterpret_cast<uint8_t*>(control_.data());
      std::memcpy(control, BufferData(bytes), control_length);
    }
    if (given.Has("controlLength")) {
      control_length = given.Get("controlLength").ToNumber().Uint32Value();
    }
    SetMessage(header_, name, name_length, &data_, 1, control, control_length);
  }
  Header(const Header&) = delete;
  Header& operator=(const Header&) = delete;

  MessageHeader& get() { return header_; }

 private:
  Buffer data_;
  SocketAddress name_ = {};
  std::vector<uint64_t> control_;
  MessageHeader header_;
};

class Socket;

// What was started, until it is settled.
struct Operation {
  uint32_t number;
  Socket* socket;
  PendingSend* pending;
  Napi::FunctionReference settle;
};

// A SocketState. Its methods give what the contract's functions give.
class Socket : public Napi::ObjectWrap<Socket> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Socket",
                       {
                           InstanceMethod<&Socket::Open>("open"),
                           InstanceMethod<&Socket::Borrow>("borrow"),
                           InstanceMethod<&Socket::BindTo>("bind"),
                           InstanceMethod<&Socket::ConnectTo>("connect"),
                           InstanceMethod<&Socket::Shutdown>("shutdown"),
                           InstanceMethod<&Socket::Close>("close"),
                           InstanceMethod<&Socket::SendMessage>("send"),
                           InstanceMethod<&Socket::SendShaped>("sendHeaders"),
                           InstanceMethod<&Socket::CallSend>("callSend"),
                           InstanceMethod<&Socket::Start>("startSend"),
                           InstanceMethod<&Socket::Cancel>("cancelSend"),
                           InstanceAccessor<&Socket::DescriptorNumber>("descriptor"),
                           InstanceAccessor<&Socket::Calls>("calls"),
                       });
  }

  explicit Socket(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value Number(Status status) { return Napi::Number::New(Env(), status); }

  Napi::Value Open(const Napi::CallbackInfo& info) {
    const auto family = static_cast<Family>(info[0].ToNumber().Uint32Value());
    return Number(OpenSocket(family, false, 0, state_));
  }

  Napi::Value Borrow(const Napi::CallbackInfo& info) {
    return Number(BorrowSocket(static_cast<Descriptor>(info[0].ToNumber().Int64Value()), state_));
  }

  Napi::Value BindTo(const Napi::CallbackInfo& info) {
    return Number(datagram::Bind(state_, AddressOf(info[0], info[1])));
  }

  Napi::Value ConnectTo(const Napi::CallbackInfo& info) {
    return Number(datagram::Connect(state_, AddressOf(info[0], info[1])));
  }

  Napi::Value Shutdown(const Napi::CallbackInfo& info) {
    return Number(StatusOf(shutdown(state_.descriptor, info[0].ToNumber().Int32Value())));
  }

  Napi::Value Close(const Napi::CallbackInfo&) {
    return Number(CloseDescriptor(state_.descriptor));
  }

  Napi::Value DescriptorNumber(const Napi::CallbackInfo&) {
    return Napi::Number::New(Env(), static_cast<double>(state_.descriptor));
  }

  Napi::Value Calls(const Napi::CallbackInfo&) {
    auto pair = Napi::Array::New(Env(), 2);
    pair.Set(0U, Napi::BigInt::New(Env(), reinterpret_cast<uint64_t>(state_.calls.send)));
    pair.Set(1U, Napi::BigInt::New(Env(), reinterpret_cast<uint64_t>(state_.calls.receive)));
    return pair;
  }

  // send(message): { taken, status, wait, sent }
  Napi::Value SendMessage(const Napi::CallbackInfo& info) {
    const Message message(info[0].As<Napi::Object>());
    const SendOutcome outcome = Send(ScratchOf(Env()), state_, &message.get(), 1, 1);
    auto result = Napi::Object::New(Env());
    result.Set("taken", outcome.taken);
    result.Set("status", outcome.status);
    result.Set("wait", static_cast<int32_t>(outcome.wait));
    result.Set("sent", message.sent());
    return result;
  }

  // sendHeaders(headers, flags): how many were sent, or the error of the first
  Napi::Value SendShaped(const Napi::CallbackInfo& info) {
    const auto given = info[0].As<Napi::Array>();
    std::vector<std::unique_ptr<Header>> headers;
    std::vector<MessageHeader> shaped;
    for (uint32_t index = 0; index < given.Length(); index++) {
      headers.push_back(
          std::make_unique<Header>(state_.family, Napi::Value(given[index]).As<Napi::Object>()));
      shaped.push_back(headers.back()->get());
    }
    return Number(SendHeaders(state_, shaped.data(), static_cast<uint32_t>(shaped.size()),
                              static_cast<uint8_t>(info[1].ToNumber().Uint32Value())));
  }

  // callSend(header, flags): the provider's WSASendMsg, with its own flags
  Napi::Value CallSend(const Napi::CallbackInfo& info) {
    Header header(state_.family, info[0].As<Napi::Object>());
    DWORD sent = 0;
    return Number(
        StatusOf(state_.calls.send(state_.descriptor, &header.get().message,
                                   info[1].ToNumber().Uint32Value(), &sent, nullptr, nullptr)));
  }

  // startSend(message, settle): { status, wait, operation? }
  Napi::Value Start(const Napi::CallbackInfo& info) {
    const Message message(info[0].As<Napi::Object>());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(Env(), &loop);
    auto operation = std::make_unique<Operation>(
        Operation{next_++, this, nullptr, Napi::Persistent(info[1].As<Napi::Function>())});
    const StartOutcome outcome = StartSend(ScratchOf(Env()), state_, message.get(), 1, loop, Settle,
                                           operation.get(), &operation->pending);
    auto result = Napi::Object::New(Env());
    result.Set("status", outcome.status);
    result.Set("wait", static_cast<int32_t>(outcome.wait));
    if (operation->pending != nullptr) {
      result.Set("operation", operation->number);
      // The state has to be there until it is settled.
      Ref();
      operations_[operation->number] = std::move(operation);
    }
    return result;
  }

  static void Settle(void* context, Status status, uint32_t sent) {
    auto* operation = static_cast<Operation*>(context);
    operation->socket->Settled(operation, status, sent);
  }

  void Settled(Operation* operation, Status status, uint32_t sent) {
    const Napi::HandleScope scope(Env());
    const Napi::FunctionReference settle = std::move(operation->settle);
    operations_.erase(operation->number);
    settle.MakeCallback(Env().Global(), {Number(status), Napi::Number::New(Env(), sent)});
    Unref();
  }

  // cancelSend(operation, closing): whether it was not settled yet
  Napi::Value Cancel(const Napi::CallbackInfo& info) {
    const auto found = operations_.find(info[0].ToNumber().Uint32Value());
    const bool there = found != operations_.end();
    if (there) datagram::CancelSend(found->second->pending, info[1].ToBoolean());
    return Napi::Boolean::New(Env(), there);
  }

  SocketState state_;
  uint32_t next_ = 0;
  std::map<uint32_t, std::unique_ptr<Operation>> operations_;
};

// socket(type, flags): a SOCKET of AF_INET that the contract did not open
Napi::Value OpenNative(const Napi::CallbackInfo& info) {
  const SOCKET socket = WSASocketW(AF_INET, info[0].ToNumber().Int32Value(), 0, nullptr, 0,
                                   info[1].ToNumber().Uint32Value());
  return Napi::Number::New(
      info.Env(), socket == INVALID_SOCKET ? -WSAGetLastError() : static_cast<double>(socket));
}

Napi::Value CloseNative(const Napi::CallbackInfo& info) {
  const auto descriptor = static_cast<Descriptor>(info[0].ToNumber().Int64Value());
  return Napi::Number::New(info.Env(), CloseDescriptor(descriptor));
}

// extensionFunctions(descriptor): WSASendMsg and WSARecvMsg as the provider itself gives them
Napi::Value ExtensionFunctions(const Napi::CallbackInfo& info) {
  const auto descriptor = static_cast<SOCKET>(info[0].ToNumber().Int64Value());
  auto pair = Napi::Array::New(info.Env(), 2);
  uint32_t index = 0;
  for (GUID id : {GUID WSAID_WSASENDMSG, GUID WSAID_WSARECVMSG}) {
    void* function = nullptr;
    DWORD length = 0;
    WSAIoctl(descriptor, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function,
             sizeof function, &length, nullptr, nullptr);
    pair.Set(index++, Napi::BigInt::New(info.Env(), reinterpret_cast<uint64_t>(function)));
  }
  return pair;
}

Napi::Value FlagsToNative(const Napi::CallbackInfo& info) {
  const auto flags = static_cast<uint8_t>(info[0].ToNumber().Uint32Value());
  return Napi::Number::New(info.Env(), NativeFlags(flags));
}

Napi::Value Startup(const Napi::CallbackInfo& info) {
  WSADATA data;
  return Napi::Number::New(info.Env(), -WSAStartup(MAKEWORD(2, 2), &data));
}

Napi::Value Cleanup(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), StatusOf(WSACleanup()));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Contract());
  exports.Set("layout", ExportLayout(env));
  exports.Set("Socket", Socket::Define(env));
  exports.Set("socket", Napi::Function::New<OpenNative>(env));
  exports.Set("closesocket", Napi::Function::New<CloseNative>(env));
  exports.Set("extensionFunctions", Napi::Function::New<ExtensionFunctions>(env));
  exports.Set("nativeFlags", Napi::Function::New<FlagsToNative>(env));
  exports.Set("startup", Napi::Function::New<Startup>(env));
  exports.Set("cleanup", Napi::Function::New<Cleanup>(env));
  return exports;
}

}  // namespace
}  // namespace datagram

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) {
  return datagram::Init(env, exports);
}
NODE_API_MODULE(NODE_GYP_MODULE_NAME, InitModule)
