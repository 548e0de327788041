// Winsock itself, and the functions that each of its providers has beside the exported ones.
#include "provider.h"

#include <vector>

namespace datagram {
namespace {

// The documented way, for both: WSARecvMsg is not exported at all.
template <typename Function>
Status Find(SOCKET socket, GUID id, Function& function) {
  DWORD length = 0;
  return StatusOf(WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function,
                           sizeof function, &length, nullptr, nullptr));
}

struct Known {
  DWORD catalog_entry;
  SocketCalls calls;
};

// Of the process, as providers are.
class Cache {
 public:
  bool Find(DWORD catalog_entry, SocketCalls& calls) {
    AcquireSRWLockShared(&lock_);
    bool found = false;
    for (const Known& known : known_) {
      if (known.catalog_entry != catalog_entry) continue;
      calls = known.calls;
      found = true;
      break;
    }
    ReleaseSRWLockShared(&lock_);
    return found;
  }

  void Add(DWORD catalog_entry, const SocketCalls& calls) {
    AcquireSRWLockExclusive(&lock_);
    known_.push_back({catalog_entry, calls});
    ReleaseSRWLockExclusive(&lock_);
  }

 private:
  SRWLOCK lock_ = SRWLOCK_INIT;
  std::vector<Known> known_;
};

Cache& TheCache() {
  static Cache cache;
  return cache;
}

}  // namespace

PlatformSession::PlatformSession() {
  WSADATA data;
  started_ = WSAStartup(MAKEWORD(2, 2), &data) == 0;
}

PlatformSession::~PlatformSession() {
  if (started_) WSACleanup();
}

Status FindCalls(SOCKET socket, const WSAPROTOCOL_INFOW& protocol, SocketCalls& calls) {
  if (TheCache().Find(protocol.dwCatalogEntryId, calls)) return 0;
  Status status = Find(socket, WSAID_WSASENDMSG, calls.send);
  if (status == 0) status = Find(socket, WSAID_WSARECVMSG, calls.receive);
  if (status == 0) TheCache().Add(protocol.dwCatalogEntryId, calls);
  return status;
}

Status DescribeProtocol(SOCKET socket, WSAPROTOCOL_INFOW& protocol) {
  int length = sizeof protocol;
  return StatusOf(getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW,
                             reinterpret_cast<char*>(&protocol), &length));
}

}  // namespace datagram
