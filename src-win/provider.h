#ifndef SENDMSG_SRC_WIN_PROVIDER_H_
#define SENDMSG_SRC_WIN_PROVIDER_H_

#include "backend.h"

namespace datagram {

// What getsockname cannot say of a socket that is not bound yet: family, type, provider.
Status DescribeProtocol(SOCKET socket, WSAPROTOCOL_INFOW& protocol);
// WSASendMsg and WSARecvMsg of the socket's provider, asked for once in a process.
Status FindCalls(SOCKET socket, const WSAPROTOCOL_INFOW& protocol, SocketCalls& calls);

// WSAMSG's flags for WSASendMsg, from SendFlag bits.
DWORD NativeFlags(uint8_t flags);

}  // namespace datagram

#endif  // SENDMSG_SRC_WIN_PROVIDER_H_
