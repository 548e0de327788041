#include "find_handle.h"

#include <uv.h>

#include <vector>

#include "instance.h"

namespace datagram {
namespace {

struct Seen {
  uv_handle_t* handle;
  bool ref;
};

std::vector<Seen> Walk(uv_loop_t* loop) {
  std::vector<Seen> seen;
  uv_walk(
      loop,
      [](uv_handle_t* handle, void* data) {
        if (uv_handle_get_type(handle) != UV_UDP || uv_is_closing(handle)) return;
        static_cast<std::vector<Seen>*>(data)->push_back({handle, uv_has_ref(handle) != 0});
      },
      &seen);
  return seen;
}

bool Call(napi_env env, napi_value function) {
  napi_value receiver;
  return napi_get_undefined(env, &receiver) == napi_ok &&
         napi_call_function(env, receiver, function, 0, nullptr, nullptr) == napi_ok;
}

// Finds handles in what a walk has seen. libuv walks in one order: to look on where the last one
// was found makes a thousand sockets quick.
class Search {
 public:
  explicit Search(const std::vector<Seen>& seen) : seen_(seen) {}
  // Null: it is not there.
  const Seen* Find(const uv_handle_t* handle) {
    for (size_t tried = 0; tried < seen_.size(); tried++) {
      const Seen& seen = seen_[next_];
      next_ = next_ + 1 == seen_.size() ? 0 : next_ + 1;
      if (seen.handle == handle) return &seen;
    }
    return nullptr;
  }

 private:
  const std::vector<Seen>& seen_;
  size_t next_ = 0;
};

// Keeps those of `candidates` that now have `ref`.
void Keep(std::vector<Seen>& candidates, const std::vector<Seen>& now, bool ref) {
  Search search(now);
  size_t kept = 0;
  for (const Seen& candidate : candidates) {
    const Seen* seen = search.Find(candidate.handle);
    if (seen != nullptr && seen->ref == ref) candidates[kept++] = candidate;
  }
  candidates.resize(kept);
}

// Puts the handles' states back, whatever was found, and also where ref() or unref() threw.
class Restore {
 public:
  explicit Restore(uv_loop_t* loop) : loop_(loop), before_(Walk(loop)) {}
  ~Restore() {
    // Only what is still there: what was called can have closed one.
    Search search(before_);
    for (const Seen& now : Walk(loop_)) {
      const Seen* then = search.Find(now.handle);
      if (then == nullptr || then->ref == now.ref) continue;
      then->ref ? uv_ref(now.handle) : uv_unref(now.handle);
    }
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  uv_loop_t* const loop_;
  const std::vector<Seen> before_;
};

}  // namespace

Napi::Value FindHandle(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  uv_loop_t* loop = Environment::Of(env)->loop;
  const napi_value ref = info[0];
  const napi_value unref = info[1];
  std::vector<Seen> candidates = Walk(loop);
  const Restore restore(loop);
  // Both ways from either state: one that only happens to have the right state drops out.
  for (const bool state : {true, false, true}) {
    if (!Call(env, state ? ref : unref)) return {};
    Keep(candidates, Walk(loop), state);
  }
  if (candidates.size() != 1) return info.Env().Undefined();
  uv_os_fd_t descriptor;
  if (uv_fileno(candidates[0].handle, &descriptor) != 0) return info.Env().Null();
  return Napi::Number::New(info.Env(), static_cast<double>((intptr_t)descriptor));
}

}  // namespace datagram
