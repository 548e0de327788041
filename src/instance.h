// What belongs to a thread, and what belongs to one loading of the JavaScript in it. The addon is
// loaded once in a thread; the JavaScript can be loaded more often (jest's module registry, a
// bundle twice), and each time it gets an Instance.
#ifndef SENDMSG_SRC_INSTANCE_H_
#define SENDMSG_SRC_INSTANCE_H_

#include <napi.h>
#include <uv.h>

#include <memory>
#include <set>
#include <vector>

#include "backend.h"

namespace datagram {

class Endpoint;

// The async context of the call that makes it, for callbacks (napi_async_init).
class AsyncContext {
 public:
  AsyncContext(napi_env env, napi_value resource, napi_value type) : env_(env) {
    napi_async_init(env, resource, type, &context_);
  }
  ~AsyncContext() {
    if (context_ != nullptr) napi_async_destroy(env_, context_);
  }
  AsyncContext(const AsyncContext&) = delete;
  AsyncContext& operator=(const AsyncContext&) = delete;
  napi_async_context get() const { return context_; }

 private:
  const napi_env env_;
  napi_async_context context_ = nullptr;
};

class Instance;

// A thread's environment: its loop, and the handles to close when it ends.
class Environment : public std::enable_shared_from_this<Environment> {
 public:
  // Makes it the environment's instance data.
  static void Create(napi_env env);
  static const std::shared_ptr<Environment>& Of(napi_env env);

  explicit Environment(napi_env env);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Keeps the environment's end waiting until every handle is closed (napi_add_async_cleanup_hook).
  void HandleOpened() { open_handles_++; }
  void HandleClosed();
  void Add(Instance* instance) { instances_.insert(instance); }
  void Remove(Instance* instance) { instances_.erase(instance); }

  const PlatformSession session{};
  const napi_env env;
  uv_loop_t* loop = nullptr;
  bool ending = false;
  // The class of endpoints: one for all instances, as V8 keeps what is made of a template for ever.
  napi_ref endpoint_class = nullptr;
  // Of the endpoint that is being made.
  Instance* maker = nullptr;

 private:
  static void OnEnd(napi_async_cleanup_hook_handle handle, void* data);

  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  std::set<Instance*> instances_;
  int open_handles_ = 0;
};

// One loading of the JavaScript: the memory that it shares with the addon, the backend's scratch,
// and its endpoints. The functions that create() returns, the endpoints and the open handles own
// it. It holds its memory and its callbacks weakly, so that a module graph that nobody uses any
// more can be collected; the functions and the endpoints hold them.
class Instance : public std::enable_shared_from_this<Instance> {
 public:
  explicit Instance(std::shared_ptr<Environment> its_environment);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Takes the memory that JavaScript allocated, and the callbacks for readiness and completion.
  // Returns what is wrong with them, or null.
  const char* Attach(const Napi::CallbackInfo& info);
  // Lets `function`, whose data this instance is, own it, and hold what Attach() took. False when
  // that failed.
  bool Keep(napi_value function);
  // Lets `object` hold what Attach() took.
  bool Hold(napi_value object) const;
  // Whether the memory is where it was: JavaScript that holds an ArrayBuffer can detach or shrink
  // it. Parts are bits, in the order of create()'s arguments.
  static constexpr uint32_t kNoMemory = 0;
  static constexpr uint32_t kSendMemory = 0b100011;
  static constexpr uint32_t kSendSlotMemory = 0b100001;
  static constexpr uint32_t kSendRecordMemory = kSendMemory & ~kSendSlotMemory;
  static constexpr uint32_t kReceiveMemory = 0b111100;
  static constexpr uint32_t kReportMemory = 0b100000;
  bool MemoryIsThere(uint32_t parts) const;

  using Context = std::shared_ptr<AsyncContext>;  // null: that of nobody
  // Calls dispatch(endpoint, status, events) in the loop's turn: whether it is to be called again.
  bool Dispatch(const Context& context, napi_value endpoint, int status, int events);
  // Calls settle(endpoint, operation, status, sent) for a send that has completed.
  void Settle(const Context& context, napi_value endpoint, uint32_t operation, Status status,
              uint32_t sent);

  // Closes every endpoint: the environment ends.
  void Shut();
  // Endpoints have numbers; that of one which is gone is given to another.
  uint32_t Register(Endpoint* endpoint);
  void Unregister(uint32_t number);
  Endpoint* EndpointOf(uint32_t number) const {
    return number < endpoints_.size() ? endpoints_[number] : nullptr;
  }

  const std::shared_ptr<Environment> environment;
  const napi_env env;

  ScratchPointer scratch;
  SendSlot* send_slots = nullptr;
  uint8_t* send_records = nullptr;
  ReceiveArea receive_area = {};
  Report* report = nullptr;
  uint32_t max_segments = 64;
  std::vector<napi_value> values;
  std::vector<Buffer> buffers;
  OutgoingMessage messages[kSlotCount] = {};

 private:
  bool Call(const Context& context, napi_ref reference, napi_value endpoint,
            const napi_value* arguments, size_t count) const;

  static constexpr size_t kMemoryCount = 6;
  struct Memory {
    napi_ref reference;
    void* data;
    size_t size;
  };
  Memory memory_[kMemoryCount] = {};
  napi_ref dispatch_ = nullptr;
  napi_ref settle_ = nullptr;
  napi_ref held_ = nullptr;  // an array of all of them
  std::vector<Endpoint*> endpoints_;
  std::vector<uint32_t> free_numbers_;
};

}  // namespace datagram

#endif  // SENDMSG_SRC_INSTANCE_H_
