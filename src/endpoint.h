// One socket as JavaScript holds it: ours, or one that somebody else owns.
#ifndef SENDMSG_SRC_ENDPOINT_H_
#define SENDMSG_SRC_ENDPOINT_H_

#include <napi.h>
#include <uv.h>

#include <memory>

#include "backend.h"
#include "instance.h"

namespace datagram {

class ChunkPacker;

// libuv's own errors are a type of their own: on Windows its numbers are not Winsock's.
enum class LibuvError : int { kNone = 0 };

struct WatchOutcome {
  Status status = 0;  // the system's
  LibuvError libuv = LibuvError::kNone;
  bool failed() const { return status != 0 || libuv != LibuvError::kNone; }
};

// A uv_poll_t with its own life: libuv frees it a turn after it was closed.
struct Watcher {
  std::shared_ptr<Instance> instance;
  Endpoint* endpoint;  // null once the endpoint let go of it
  Descriptor duplicate = kInvalidDescriptor;
  uv_poll_t* handle;
};

// A send that has not completed: it outlives its endpoint where that is destroyed first.
struct Operation {
  std::shared_ptr<Instance> instance;
  Endpoint* endpoint;  // null once the endpoint is gone
  uint32_t number;
  PendingSend* pending;
  Operation* next;  // of the same endpoint
};

// A descriptor of somebody else's that is about to become ours.
struct Adoption {
  SocketState former;  // what the endpoint had open
  Descriptor former_descriptor;
  OptionJournal journal;  // of the adopted one
};

class Endpoint : public Napi::ObjectWrap<Endpoint> {
 public:
  // watch(): keep the duplicate of a borrowed descriptor while nothing is watched for.
  static constexpr int kLater = 0x100;

  static Napi::Function Define(Napi::Env env);
  // The instance's functions `createEndpoint`, `send` and `receive`; it is their data.
  static napi_value Make(napi_env env, napi_callback_info info);
  static napi_value SendViews(napi_env env, napi_callback_info info);
  static Napi::Value ReceiveByNumber(const Napi::CallbackInfo& info);

  explicit Endpoint(const Napi::CallbackInfo& info);
  ~Endpoint() override;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Closes what is open. Safe to call again, and when no JavaScript can run any more.
  Status Shut();

 private:
  struct Method {
    char name[24];
    InstanceMethodCallback call;
  };
  static const Method kMethods[];

  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value Borrow(const Napi::CallbackInfo& info);
  Napi::Value Adopt(const Napi::CallbackInfo& info);
  Napi::Value EndAdoption(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value Bind(const Napi::CallbackInfo& info);
  Napi::Value Connect(const Napi::CallbackInfo& info);
  Napi::Value Disconnect(const Napi::CallbackInfo& info);
  Napi::Value LocalAddress(const Napi::CallbackInfo& info);
  Napi::Value RemoteAddress(const Napi::CallbackInfo& info);
  Napi::Value GetOption(const Napi::CallbackInfo& info);
  Napi::Value SetOption(const Napi::CallbackInfo& info);
  Napi::Value SetMembership(const Napi::CallbackInfo& info);
  Napi::Value SetMulticastInterface(const Napi::CallbackInfo& info);
  Napi::Value EnableReceive(const Napi::CallbackInfo& info);
  Napi::Value WaitReadable(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value StartSend(const Napi::CallbackInfo& info);
  Napi::Value CancelSend(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value ReceiveErrors(const Napi::CallbackInfo& info);
  Napi::Value MakeWatcher(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value SetHold(const Napi::CallbackInfo& info);
  Napi::Value SetContext(const Napi::CallbackInfo& info);
  Napi::Value Family(const Napi::CallbackInfo& info);
  Napi::Value Raw(const Napi::CallbackInfo& info);
  Napi::Value DescriptorNumber(const Napi::CallbackInfo& info);
  Napi::Value Segmentation(const Napi::CallbackInfo& info);
  Napi::Value Unchanged(const Napi::CallbackInfo& info);

  // Keeps the adopted descriptor, or puts it back as it was.
  WatchOutcome SettleAdoption(bool keep);

  // Reads slots and data into the instance's messages; false, with an exception pending, when they
  // are not what they must be.
  bool ReadMessages(const Napi::CallbackInfo& info, uint32_t count, napi_value data);
  bool ReadViews(napi_env env, uint32_t count, const napi_value* values, size_t views);
  // Sends the instance's messages, and says in its report what became of them.
  napi_value Submit(napi_env env, uint32_t count);
  void ReportErrors();
  static void OnSettled(void* context, Status status, uint32_t sent);
  static void OnEvent(uv_poll_t* handle, int status, int events);
  WatchOutcome NewWatcher();
  WatchOutcome StartWatching(int events);
  void StopWatching();
  void CloseWatcher();
  // True, with a JavaScript exception pending, when this call cannot be served.
  // `memory` is what the call works in.
  bool Refuse(const Napi::CallbackInfo& info, uint32_t memory = Instance::kNoMemory) const;
  static bool Refuse(napi_env env, const Instance& instance, uint32_t memory);
  Napi::Value Number(const Napi::CallbackInfo& info, double value) const;
  Napi::Value Outcome(const Napi::CallbackInfo& info, const WatchOutcome& outcome) const;
  Napi::Value ReceiveFrom(const Napi::CallbackInfo& info, size_t argument);
  bool ReadChunks(const Napi::CallbackInfo& info, size_t argument, uint32_t messages,
                  uint32_t expected, ChunkPacker& packer);

  std::shared_ptr<Instance> instance_;
  uint32_t number_ = 0;
  uint32_t expected_ = 0;  // bytes of the messages that are likely to come
  SocketState state_;
  Descriptor descriptor_ = kInvalidDescriptor;  // state_'s is a duplicate while we watch one
  uint64_t identity_ = 0;                       // of what was borrowed
  Watcher* watcher_ = nullptr;
  std::unique_ptr<Adoption> adoption_;  // until it is settled
  Operation* operations_ = nullptr;     // lib/ bounds how many there are
  Instance::Context context_;
  bool watching_ = false;
  bool hold_ = true;  // watching keeps the event loop alive
};

}  // namespace datagram

#endif  // SENDMSG_SRC_ENDPOINT_H_
