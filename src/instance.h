// What belongs to one environment (a thread's instance of the addon): the memory shared with its
// JavaScript, the backend's workspace, and the handles to close when it ends.
#ifndef SENDMSG_SRC_INSTANCE_H_
#define SENDMSG_SRC_INSTANCE_H_

#include <napi.h>
#include <uv.h>

#include <memory>
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

class Instance : public std::enable_shared_from_this<Instance> {
 public:
  explicit Instance(napi_env env);

  // Takes the memory that JavaScript allocated, and the function that readiness and
  // completion are told to.
  // Returns what is wrong with it, or null.
  const char* Attach(const Napi::CallbackInfo& info);
  bool attached() const { return dispatch_ != nullptr; }
  // Whether the memory is where it was: JavaScript that holds an ArrayBuffer can detach or shrink
  // it. Parts are bits, in the order of initialize()'s arguments.
  static constexpr uint32_t kNoMemory = 0;
  static constexpr uint32_t kSendMemory = 0b100011;
  static constexpr uint32_t kSendSlotMemory = 0b100001;
  static constexpr uint32_t kSendRecordMemory = kSendMemory & ~kSendSlotMemory;
  static constexpr uint32_t kReceiveMemory = 0b111100;
  bool MemoryIsThere(uint32_t parts) const;

  using Context = std::shared_ptr<AsyncContext>;  // null: that of nobody
  // Calls dispatch(endpoint, status, events) in the loop's turn: whether it is to be called again.
  bool Dispatch(const Context& context, napi_value endpoint, int status, int events);
  // Calls settle(endpoint, operation, status, sent) for a send that has completed.
  void Settle(const Context& context, napi_value endpoint, uint32_t operation, Status status,
              uint32_t sent);

  // Keeps the environment's end waiting until every handle is closed (napi_add_async_cleanup_hook).
  void HandleOpened() { open_handles_++; }
  void HandleClosed();
  // Endpoints have numbers; that of one which is gone is given to another.
  uint32_t Register(Endpoint* endpoint);
  void Unregister(uint32_t number);
  Endpoint* EndpointOf(uint32_t number) const {
    return number < endpoints_.size() ? endpoints_[number] : nullptr;
  }

  const napi_env env;
  uv_loop_t* loop = nullptr;
  bool ending = false;

  WorkspacePointer workspace;
  SendSlot* send_slots = nullptr;
  uint8_t* send_records = nullptr;
  ReceiveArea receive_area = {};
  Report* report = nullptr;
  uint32_t max_segments = 64;
  std::vector<napi_value> values;
  std::vector<Buffer> buffers;
  std::vector<OutgoingMessage> messages;

 private:
  bool Call(const Context& context, napi_ref reference, napi_value endpoint,
            const napi_value* arguments, size_t count) const;
  static void OnEnd(napi_async_cleanup_hook_handle handle, void* data);

  static constexpr size_t kMemoryCount = 6;
  struct Memory {
    napi_ref reference;
    void* data;
    size_t size;
  };
  Memory memory_[kMemoryCount] = {};
  napi_ref dispatch_ = nullptr;
  napi_ref settle_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  std::vector<Endpoint*> endpoints_;
  std::vector<uint32_t> free_numbers_;
  int open_handles_ = 0;
};

}  // namespace datagram

#endif  // SENDMSG_SRC_INSTANCE_H_
