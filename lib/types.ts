import type { BlockList, SocketAddress } from 'node:net'
import type { ReceiveInfoName, SendField } from './message/fields'

export type { ReceiveInfoName, SendField }

/** An address family as Node names it. */
export type Family = 'IPv4' | 'IPv6'

/**
 * One raw control message, as it stands in `msg_control` (cmsg(3), `WSACMSGHDR`). `level` and `type` are the
 * platform's own numbers, `data` is the payload in the platform's own layout.
 */
export interface ControlMessage {
  /** `cmsg_level`: SOL_SOCKET, IPPROTO_IP, … */
  level: number
  /** `cmsg_type`. */
  type: number
  /** The payload, without the header. */
  data: Uint8Array
}

/** The flags of one call: sendmsg(2), and the flags that Microsoft's WSASendMsg page allows. */
export interface SendFlags {
  /** MSG_DONTROUTE: only to directly connected networks. */
  dontRoute?: boolean | undefined
  /** MSG_CONFIRM, Linux: the neighbour has just answered (send(2)). */
  confirm?: boolean | undefined
  /** MSG_PARTIAL, Windows. */
  partial?: boolean | undefined
  /** MSG_OOB, Windows. */
  oob?: boolean | undefined
}

/**
 * What `sendmsg` sends: a datagram, or with `segmentSize` a segmented message (many datagrams of one size), and its control
 * data. Each property is read once, inherited ones too.
 */
export interface OutgoingMessage {
  /** The bytes; several views are gathered in order. At most 1024 views and 4 GiB - 1 bytes. */
  data: Uint8Array | readonly Uint8Array[]
  /** Destination address, never a host name; an IPv6 scope is understood (`fe80::1%eth0`). Left out on a connected socket. */
  address?: string | undefined
  /**
   * Destination port, 0 to 65535. Left out on connected and raw sockets. No datagram can go to port 0: the kernel refuses it
   * (EINVAL, EADDRNOTAVAIL), as it refuses an address that there is no route to. It is no wrong argument, since whoever
   * answers a datagram has the port from its sender.
   */
  port?: number | undefined
  /** Destination already parsed, in place of `address` and `port`. */
  to?: SocketAddress | undefined
  /** Local address to send from (IP_PKTINFO, IPV6_PKTINFO, IP_SENDSRCADDR). */
  source?: string | undefined
  /** Interface to send through: the kernel's index, or a name. */
  interface?: number | string | undefined
  /** The whole TOS or traffic class octet, 0 to 255 (RFC 2474, RFC 3168). Excludes `ecn` and `dscp`. */
  trafficClass?: number | undefined
  /** The ECN half of the octet, 0 to 3 (RFC 3168); DSCP stays as the socket has it. */
  ecn?: number | undefined
  /** The DSCP half of the octet, 0 to 63 (RFC 2474); ECN stays as the socket has it. */
  dscp?: number | undefined
  /** TTL or hop limit of this datagram, 1 to 255. */
  hopLimit?: number | undefined
  /** true: never fragment, and don't trust a cached path MTU; false: may fragment; absent: as the socket is. */
  dontFragment?: boolean | undefined
  /** Split `data` into datagrams of this many bytes, 1 to 65535; the last may be shorter (UDP_SEGMENT, UDP_SEND_MSG_SIZE). */
  segmentSize?: number | undefined
  /**
   * When the kernel shall send it, in ns on the clock that `createSocket({ sendTime })` names (SO_TXTIME). Only some queues
   * of network interfaces honour it: docs/kernels.md.
   */
  sendTime?: bigint | undefined
  /**
   * The mark of this datagram for policy routing and firewalls, 0 to 4294967295, in place of the socket's (SO_MARK, socket(7)).
   * `EPERM` without the capability CAP_NET_ADMIN or, from Linux 5.17 on, CAP_NET_RAW.
   */
  mark?: number | undefined
  /** Flags of this call (MSG_*). */
  flags?: SendFlags | undefined
  /** Raw control messages, appended after the typed ones. */
  control?: readonly ControlMessage[] | undefined
}

/** A `Buffer` over memory of its own, as `Buffer.alloc` gives it; named so for all versions of Node's types. */
export type ReceivedData = ReturnType<typeof Buffer.alloc>

/** What is known of a received datagram, beside its data. What was not asked for or is not known is `undefined`. */
export interface MessageInfo {
  /** Who sent it. An IPv6 link-local address carries its scope (`fe80::1%eth0`); IPv4 is plain on a dual-stack socket, too. */
  address: string
  /** Of `address`: IPv4 also on a dual-stack socket. */
  family: Family
  /** The sender's port; 0 on raw sockets, and where the sender has forged it. */
  port: number
  /** Bytes received. */
  size: number
  /** Which of our addresses it was sent to. */
  destination: string | undefined
  /** The index of the interface that it came in on. */
  interface: number | undefined
  /** Whether `destination` is ours alone, a group's, or everybody's. */
  cast: 'unicast' | 'multicast' | 'broadcast' | undefined
  /** The whole TOS or traffic class octet. */
  trafficClass: number | undefined
  /** Its lower two bits (RFC 3168). */
  ecn: number | undefined
  /** Its upper six bits (RFC 2474). */
  dscp: number | undefined
  /** TTL or hop limit that it arrived with. */
  hopLimit: number | undefined
  /** When the kernel received it, in ns since the epoch. */
  timestamp: bigint | undefined
  /**
   * How many datagrams the kernel had dropped on this socket, since it was opened, when it queued this one: most often for lack
   * of room in the receive buffer. Modulo 2^32 (SO_RXQ_OVFL, socket(7)).
   */
  dropped: number | undefined
  /** The size of each datagram, where the kernel has coalesced several and the caller asked for them whole. */
  segmentSize: number | undefined
  /** The data did not fit. */
  truncated: boolean
  /** The control data did not fit. */
  controlTruncated: boolean
  /** Raw control messages, all that the kernel gave. */
  control: ControlMessage[] | undefined
}

/** dgram's name for it. */
export type RemoteInfo = MessageInfo

/** What `'messages'` and the pull functions give: the data with all that is known of it. */
export interface Message extends MessageInfo {
  /**
   * A view of memory that it shares with other messages, of other sockets, too: its `byteOffset` is seldom 0, and its `buffer`
   * has at most 64 kB, below 512 bytes of data at most 8 kB. That is what a message that is kept keeps alive, and what
   * postMessage() clones of it; the buffer can't be transferred. `new Uint8Array(data)` has memory of its own.
   */
  data: ReceivedData
}

/** Last argument of the functions that wait. */
export interface WaitOptions {
  /** Rejects with an `AbortError` when it aborts; what still waits is then never sent. */
  signal?: AbortSignal | undefined
  /** Milliseconds; `ETIMEDOUT` after that. What SO_SNDTIMEO and SO_RCVTIMEO are for. */
  timeout?: number | undefined
}

/** Room for what is received, as `msg_iov` and `msg_controllen` give it to recvmsg(2). */
export interface ReceiveRoom {
  /** Bytes of data, 0 to 65535 (default); what does not fit sets `truncated`. */
  length?: number | undefined
  /** Bytes of control data, 0 to 1024 (default); what does not fit sets `controlTruncated`. */
  controlLength?: number | undefined
}

/** Options of `recvmsg`. */
export interface ReceiveOptions extends WaitOptions, ReceiveRoom {}

/** Options of `tryRecvmmsg`. */
export interface ReceiveManyRoom extends ReceiveRoom {
  /** At most this many messages, 1 to 1024; default 32. */
  count?: number | undefined
}

/** Options of `recvmmsg`. */
export interface ReceiveManyOptions extends WaitOptions, ReceiveManyRoom {}

/** UDP as in dgram; raw sockets need a `protocol`, and usually privileges (raw(7)). */
export type SocketType = 'udp4' | 'udp6' | 'raw4' | 'raw6'

/**
 * Options of `createSocket`, under the names that `dgram.createSocket` has for them where it has them. Each is read once,
 * inherited ones too.
 */
export interface SocketOptions {
  /** The kind of socket; `udp6` is dual-stack unless `ipv6Only`. */
  type: SocketType
  /** Others may bind to the same address, too (SO_REUSEADDR; SO_REUSEPORT on macOS and FreeBSD, as in dgram). */
  reuseAddr?: boolean | undefined
  /** Several sockets share a port, and the kernel spreads what comes over them (SO_REUSEPORT of Linux). */
  reusePort?: boolean | undefined
  /** No IPv4 on this `udp6` socket (IPV6_V6ONLY); `raw6` sockets have none anyway. */
  ipv6Only?: boolean | undefined
  /** SO_RCVBUF, in bytes. */
  recvBufferSize?: number | undefined
  /** SO_SNDBUF, in bytes. */
  sendBufferSize?: number | undefined
  /** In place of dns.lookup, for names in dgram's forms of bind, connect and send. */
  lookup?: LookupFunction | undefined
  /** Closes the socket when it aborts. */
  signal?: AbortSignal | undefined
  /** The IP protocol number of a raw socket, 0 to 255. */
  protocol?: number | undefined
  /**
   * What the kernel is asked to tell of each datagram, beside `destination`, `interface`, `cast` and `trafficClass` (with its
   * halves). `false`: nothing at all, and then replyTo() has no source to answer from, and throws.
   */
  receiveInfo?: readonly ReceiveInfoName[] | false | undefined
  /** No `'message'` events, and nothing is read ahead: read only for `recvmsg`, `recvmmsg`, their `try` twins and `for await`. */
  pull?: boolean | undefined
  /**
   * Let the kernel coalesce datagrams on receipt (UDP_GRO, UDP_RECV_MAX_COALESCED_SIZE); they are split again
   * unless `receiveInfo` names `segmentSize`, which implies this option. ENOTSUP where the kernel cannot, and on raw sockets.
   */
  coalesce?: boolean | undefined
  /** Tell of what earlier datagrams met on their way, by `'datagramError'`; they fail no later call then (Linux: IP_RECVERR). */
  receiveErrors?: boolean | undefined
  /** Senders that nothing is taken from. */
  receiveBlockList?: BlockList | undefined
  /** Addresses that nothing is sent to: ERR_IP_BLOCKED. */
  sendBlockList?: BlockList | undefined
  /** Don't fragment, for all that this socket sends. */
  dontFragment?: boolean | undefined
  /**
   * Allow `sendTime` in messages (SO_TXTIME). `true` and `'monotonic'`: on the clock of `process.hrtime.bigint()`
   * (CLOCK_MONOTONIC), which the queue `fq` takes. `'tai'`: on CLOCK_TAI, which the queue `etf` takes. What a queue refuses
   * comes as `'datagramError'` with the origin `'txtime'`.
   */
  sendTime?: boolean | 'monotonic' | 'tai' | undefined
  /** What to do with a field or option that this kernel cannot honour: refuse with ENOTSUP (default) or leave it out. */
  unsupported?: 'error' | 'ignore' | undefined
}

/** dns.lookup's form. */
export type LookupFunction = (
  hostname: string,
  options: { family: number },
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
) => void

/** What this kernel does with a field: honours it itself, we emulate it, or it can't be had. */
export type Support = 'kernel' | 'emulated' | false

/** The same field in both families; IPv4 on a dual-stack socket is IPv4. */
export interface FamilySupport {
  IPv4: Support
  IPv6: Support
}

/** What `capabilities()` answers. Frozen; one object once everything could be tried. */
export interface Capabilities {
  platform: NodeJS.Platform
  send: Readonly<Record<SendField, Readonly<FamilySupport>>>
  receive: Readonly<Record<ReceiveInfoName, Readonly<FamilySupport>>>
  flags: Readonly<Record<'dontRoute' | 'confirm' | 'partial' | 'oob', boolean>>
  /** Datagrams that the kernel makes of one segmented message at most. */
  maxSegments: number
  /** Bytes of data in one datagram at most, by family. */
  maxDatagram: Readonly<{ IPv4: number; IPv6: number }>
  /** Messages given to the kernel in one system call at most. */
  maxBatch: number
  /** Views gathered in one message at most. */
  maxBuffers: number
}

/** What `socket.offload` answers: the present state of one socket. */
export interface Offload {
  /**
   * Segmented messages are split by the kernel. Where that failed for a destination, messages to it go without offload for ten
   * minutes, and others are not affected.
   */
  segmentation: boolean
  /** Trains are coalesced on receipt; before the socket is open, what the kernel is expected to do. */
  coalescing: boolean
}
