// Finds the descriptor of a dgram.Socket with libuv's public functions alone.
#ifndef SENDMSG_SRC_FIND_HANDLE_H_
#define SENDMSG_SRC_FIND_HANDLE_H_

#include <napi.h>

namespace datagram {

// findHandle(ref, unref): of the loop's UDP handles, the one whose uv_has_ref follows ref() and
// unref(), called in turn, is the socket's. All states are as before afterwards. Returns the
// descriptor, undefined when no handle follows, or null when it has none yet (not bound).
Napi::Value FindHandle(const Napi::CallbackInfo& info);

}  // namespace datagram

#endif  // SENDMSG_SRC_FIND_HANDLE_H_
