#include "find_handle.h"

#include <uv.h>

#include <algorithm>
#include <functional>
#include <utility>
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

// Keeps those of `candidates` that now have `ref`.
void Keep(std::vector<Seen>& candidates, const std::vector<Seen>& now, bool ref) {
  // libuv walks in one order; looking on where the last one was found makes a thousand sockets
  // quick.
  size_t next = 0;
  candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                  [&](const Seen& candidate) {
                                    for (size_t tried = 0; tried < now.size(); tried++) {
                                      const Seen& seen = now[next];
                                      next = (next + 1) % now.size();
                                      if (seen.handle == candidate.handle) return seen.ref != ref;
                                    }
                                    return true;
                                  }),
                   candidates.end());
}

// Puts the handles' states back, whatever was found, and also where ref() or unref() threw.
class Restore {
 public:
  Restore(uv_loop_t* loop, std::vector<Seen> before) : loop_(loop), before_(std::move(before)) {
    std::sort(before_.begin(), before_.end(), Precedes);
  }
  ~Restore() {
    // Only what is still there: what was called can have closed one.
    for (const Seen& now : Walk(loop_)) {
      const auto then = std::lower_bound(before_.begin(), before_.end(), now, Precedes);
      if (then == before_.end() || then->handle != now.handle || then->ref == now.ref) continue;
      then->ref ? uv_ref(now.handle) : uv_unref(now.handle);
    }
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  static bool Precedes(const Seen& one, const Seen& other) {
    return std::less<>()(one.handle, other.handle);
  }

  uv_loop_t* const loop_;
  std::vector<Seen> before_;
};

}  // namespace

Napi::Value FindHandle(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  uv_loop_t* loop = Environment::Of(env)->loop;
  const napi_value ref = info[0];
  const napi_value unref = info[1];
  std::vector<Seen> candidates = Walk(loop);
  const Restore restore(loop, candidates);
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
