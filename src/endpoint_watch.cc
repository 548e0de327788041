// Readiness: the uv_poll_t that watches an endpoint's descriptor.
#include <cstdlib>

#include "arguments.h"
#include "endpoint.h"

namespace datagram {

// makeWatcher(): all that watch() can fail for is done here.
Napi::Value Endpoint::MakeWatcher(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  return Outcome(info, NewWatcher());
}

// watch(events): calls dispatch() for UV_READABLE and UV_WRITABLE until watch(0). kLater keeps the
// duplicate of a descriptor that somebody else owns, and can close, while nothing is watched for.
Napi::Value Endpoint::Watch(const Napi::CallbackInfo& info) {
  if (Refuse(info)) return {};
  const int asked = Signed(info, 0);
  // Errors are reported with every event; with UV_DISCONNECT alone, nothing else is.
  const int events = asked & (UV_READABLE | UV_WRITABLE | UV_DISCONNECT);
  if (events == 0 && (asked & kLater) == 0) {
    StopWatching();
    return Number(info, 0);
  }
  return Outcome(info, StartWatching(events));
}

// setHold(boolean): whether watching keeps the event loop alive, as ref() and unref() have it.
Napi::Value Endpoint::SetHold(const Napi::CallbackInfo& info) {
  hold_ = Unsigned(info, 0) != 0;
  if (watcher_ != nullptr) {
    auto* handle = reinterpret_cast<uv_handle_t*>(watcher_->handle);
    hold_ ? uv_ref(handle) : uv_unref(handle);
  }
  if constexpr (kWaiting == Waiting::kCompletion) {
    for (Operation* at = operations_; at != nullptr; at = at->next) HoldSend(at->pending, hold_);
  }
  return Number(info, 0);
}

WatchOutcome Endpoint::NewWatcher() {
  if (descriptor_ == kInvalidDescriptor) return {0, LibuvError{UV_EBADF}};
  if (watcher_ != nullptr) return {};
  auto watcher = std::make_unique<Watcher>();
  Descriptor descriptor = descriptor_;
  if (!state_.owned) {
    const Status status = DuplicateForWatching(descriptor_, watcher->duplicate);
    if (status != 0) return {status};
    descriptor = watcher->duplicate;
  }
  // What is about to be adopted is still somebody else's.
  const bool own = state_.owned && state_.journal == nullptr;
  watcher->handle = static_cast<uv_poll_t*>(std::calloc(1, uv_handle_size(UV_POLL)));
  const int refused = watcher->handle == nullptr ? UV_ENOMEM
                                                 : WatchInit(instance_->environment->loop,
                                                             watcher->handle, descriptor, own);
  if (refused != 0) {
    std::free(watcher->handle);
    if (!state_.owned) CloseDescriptor(watcher->duplicate);
    return {0, LibuvError{refused}};
  }
  watcher->instance = instance_;
  watcher->endpoint = this;
  watcher_ = watcher.release();
  watcher_->handle->data = watcher_;
  state_.descriptor = descriptor;
  instance_->environment->HandleOpened();
  if (!hold_) uv_unref(reinterpret_cast<uv_handle_t*>(watcher_->handle));
  return {};
}

WatchOutcome Endpoint::StartWatching(int events) {
  const WatchOutcome made = NewWatcher();
  if (made.failed()) return made;
  const int refused = events == 0 ? uv_poll_stop(watcher_->handle)
                                  : uv_poll_start(watcher_->handle, events, OnEvent);
  if (refused != 0) return {0, LibuvError{refused}};
  if (!watching_) {
    watching_ = true;
    Ref();  // what is watched is not collected
  }
  return {};
}

void Endpoint::StopWatching() {
  if (watcher_ == nullptr) return;
  if (!state_.owned) {
    CloseWatcher();
    return;
  }
  uv_poll_stop(watcher_->handle);
  if (watching_) {
    watching_ = false;
    Unref();
  }
}

void Endpoint::CloseWatcher() {
  if (watcher_ == nullptr) return;
  Watcher* watcher = watcher_;
  watcher_ = nullptr;
  watcher->endpoint = nullptr;
  const Descriptor duplicate = watcher->duplicate;  // Deno's uv_close calls back at once
  uv_poll_stop(watcher->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(watcher->handle), [](uv_handle_t* handle) {
    const std::unique_ptr<Watcher> closed(static_cast<Watcher*>(handle->data));
    std::free(handle);
    closed->instance->environment->HandleClosed();
  });
  // Once the handle is closing libuv has let go of the descriptor.
  if (duplicate != kInvalidDescriptor) CloseDescriptor(duplicate);
  state_.descriptor = descriptor_;
  if (watching_) {
    watching_ = false;
    if (!instance_->environment->ending) Unref();
  }
}

void Endpoint::OnEvent(uv_poll_t* handle, int status, int events) {
  Endpoint* endpoint = static_cast<Watcher*>(handle->data)->endpoint;
  if (endpoint == nullptr || endpoint->instance_->environment->ending) return;
  const std::shared_ptr<Instance> instance = endpoint->instance_;
  napi_handle_scope scope;
  if (napi_open_handle_scope(instance->env, &scope) != napi_ok) return;
  napi_value value = nullptr;
  if (napi_get_reference_value(instance->env, *endpoint, &value) == napi_ok && value != nullptr) {
    const Instance::Context context = endpoint->context_;  // it may be closed meanwhile
    // Each is a callback of its own: between them run ticks and promises, as between dgram's.
    bool more = instance->Dispatch(context, value, status, events);
    while (more && !instance->environment->ending) more = instance->Dispatch(context, value, 0, 0);
  }
  napi_close_handle_scope(instance->env, scope);
}

}  // namespace datagram
