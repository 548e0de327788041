// Which system calls are made to fail, with what, and what comes of it.

/** The errors that each system call is made to fail with, one after the other. */
export const faults: Readonly<Record<string, readonly string[]>> = {
  socket: ['EMFILE', 'ENFILE', 'ENOMEM', 'EPERM', 'EAFNOSUPPORT'],
  bind: ['EADDRINUSE', 'EACCES', 'ENOMEM'],
  connect: ['ENETUNREACH', 'EPERM', 'EINTR'],
  getsockname: ['ENOBUFS', 'ENOMEM'],
  setsockopt: ['ENOMEM', 'EPERM', 'ENOPROTOOPT'],
  sendmsg: ['EPERM', 'ENOMEM', 'EINTR', 'EAGAIN', 'ENOBUFS', 'ECONNREFUSED'],
  sendmmsg: ['EPERM', 'ENOMEM', 'EINTR', 'EAGAIN', 'ENOBUFS', 'ECONNREFUSED'],
  recvmsg: ['ENOMEM', 'EINTR', 'EAGAIN', 'ECONNREFUSED'],
  recvmmsg: ['ENOMEM', 'EINTR', 'EAGAIN', 'ECONNREFUSED'],
  epoll_ctl: ['ENOSPC', 'ENOMEM', 'EPERM'],
  epoll_create1: ['EMFILE', 'ENFILE', 'ENOMEM'],
  eventfd2: ['EMFILE', 'ENFILE', 'ENOMEM'],
  fcntl: ['EMFILE', 'ENOMEM'],
  dup: ['EMFILE'],
  dup3: ['EMFILE'],
}

/**
 * `told`: by the step that the scenario names, with the injected code or with `code`, and by no other step.
 * `unseen`: all is as if nothing had failed.
 * `either`: the caller gets what it asked for, or is told.
 * `tried`: as `unseen`, but that a `try` function has nothing to give.
 * `skipped`: not injected.
 */
export type Comes = 'told' | 'unseen' | 'either' | 'tried' | 'skipped'

export interface Rule {
  /** Why. */
  why: string
  scenario?: RegExp
  call?: RegExp
  /** In the line that strace prints. */
  line?: RegExp
  error?: RegExp
  comes: Comes
  /** In place of the injected code, or beside it. */
  code?: string | readonly string[]
  /** What the error says. */
  says?: RegExp
  /** How often the call fails, one time after the other. */
  times?: number
  /** A descriptor that may be left: what it is of. */
  leaves?: RegExp
}

/** The options by which a kernel is asked to tell more of what comes: level, name, and the field that needs it. */
const information =
  /IPV?6?_(PKTINFO|RECVPKTINFO|RECVTOS|RECVTCLASS|RECVTTL|RECVHOPLIMIT)\b|SO_TIMESTAMPNS|SO_RXQ_OVFL|UDP_GRO/
const [AGAIN, FOR_GOOD] = [3, Infinity]

/** The first that fits decides; `told`, where none does. */
export const rules: readonly Rule[] = [
  // --- what is asked first, and threads
  {
    why: 'that may be an answer; and one for each call will do, as each is a process of its own',
    scenario: /^the first capabilities/,
    error: /^(?!EMFILE|ENOMEM)/,
    comes: 'skipped',
  },
  { why: 'it is asked for again, not taken for an answer', scenario: /^the first capabilities/, comes: 'unseen' },
  {
    why: "Node's own error; libuv forgets one of its descriptors (uv_loop_init)",
    scenario: /^a thread that starts/,
    call: /^(epoll_create1|eventfd2)$/,
    comes: 'told',
    code: 'ERR_WORKER_INIT_FAILED',
    leaves: /eventpoll/,
  },
  { why: 'other scenarios run in threads, too', scenario: /^a thread that starts/, comes: 'skipped' },

  // --- watching
  {
    // It adds a descriptor and removes it at once, to see whether it can be watched; what fails later is an abort().
    why: 'libuv ends the process when a descriptor that it has tried before cannot be added or removed',
    call: /^epoll_ctl$/,
    line: /^(?!.*EPOLL_CTL_ADD.*data={u32=4294967295)/,
    comes: 'skipped',
  },
  { why: 'flags of a descriptor that is open can be had', call: /^fcntl$/, line: /F_[GS]ETF[LD]/, comes: 'skipped' },

  // --- names
  {
    why: 'what is no datagram socket',
    scenario: /^bind\(\{ fd \}\)/,
    call: /^getsockname$/,
    comes: 'either',
    code: ['ERR_INVALID_FD_TYPE'],
  },
  {
    why: 'the address is noted when the socket is bound, and asked for again by address()',
    scenario: /^(?!address)/,
    call: /^getsockname$/,
    comes: 'either',
  },

  // --- options
  {
    why: 'what was not asked for by name is best effort',
    scenario: /^(?!.*all options|.*coalesce|bind\(\{ fd)/,
    call: /^setsockopt$/,
    line: information,
    comes: 'unseen',
  },
  {
    why: 'the same; the options that are named stand beside it',
    scenario: /^bind\(\{ fd/,
    call: /^setsockopt$/,
    line: /IP_PKTINFO|IP_RECVTOS/,
    comes: 'either',
    code: ['ENOTSUP'],
  },
  {
    why: 'set once more, or taken back, for what its owner may have asked for',
    scenario: /^bind\(\{ fd \}\)/,
    call: /^setsockopt$/,
    line: /IP_RECVERR|UDP_GRO/,
    comes: 'either',
    code: ['ENOTSUP'],
  },
  {
    why: 'an option of IPv4 on an IPv6 socket: not every kernel has it',
    scenario: /udp6/,
    call: /^setsockopt$/,
    line: /SOL_IP, /,
    comes: 'either',
    code: ['ENOTSUP'],
  },
  {
    why: 'a kernel that lacks an option is told by the field',
    call: /^setsockopt$/,
    error: /^ENOPROTOOPT$/,
    scenario: /all options|with options/,
    line: new RegExp(
      `${information.source}|SO_TXTIME|IPV6_MTU_DISCOVER|IPV6_DONTFRAG|IP_MTU_DISCOVER|_RECVERR|IPV6_V6ONLY|SO_REUSE|BUF`,
    ),
    comes: 'told',
    code: 'ENOTSUP',
    says: /(destination|interface|trafficClass|hopLimit|timestamp|dropped|coalesce|segmentSize|sendTime|dontFragment|receiveErrors|ipv6Only|reuseAddr|reusePort|(recv|send)BufferSize) is not supported/,
  },
  {
    why: 'the same, of a socket that is bound',
    scenario: /^setDontFragment/,
    call: /^setsockopt$/,
    error: /^ENOPROTOOPT$/,
    comes: 'told',
    code: 'ENOTSUP',
    says: /dontFragment is not supported/,
  },
  {
    why: "as dgram's",
    scenario: /^set(Recv|Send)BufferSize/,
    call: /^setsockopt$/,
    comes: 'told',
    code: 'ERR_SOCKET_BUFFER_SIZE',
  },
  {
    why: 'information that was asked for by name',
    call: /^setsockopt$/,
    line: information,
    comes: 'told',
    code: ['ENOTSUP'],
  },

  // --- sending
  { why: 'a call that a signal interrupts is made again', error: /^EINTR$/, comes: 'unseen', times: AGAIN },
  {
    why: 'as much control data as may be more than the kernel takes at all',
    scenario: /control data$/,
    call: /^send/,
    error: /^ENOBUFS$/,
    comes: 'told',
    times: FOR_GOOD,
  },
  { why: 'no room: what waits waits', call: /^send/, error: /^(EAGAIN|ENOBUFS)$/, comes: 'tried', times: AGAIN },
  {
    why: 'what an earlier datagram met fails no call',
    call: /^send/,
    scenario: /receiveErrors|datagramError/,
    error: /^ECONNREFUSED$/,
    comes: 'unseen',
    times: AGAIN,
  },
  { why: 'no kernel says so there', call: /^send/, error: /^ECONNREFUSED$/, comes: 'skipped' },
  { why: 'refused, as often as it is tried', call: /^send/, comes: 'told', times: FOR_GOOD },

  // --- receiving
  { why: 'the error queue is read again', call: /^recvmsg$/, line: /MSG_ERRQUEUE/, comes: 'unseen' },
  { why: 'nothing is there', call: /^recv/, error: /^EAGAIN$/, comes: 'tried' },
  { why: 'what an earlier datagram met fails no call', call: /^recv/, error: /^ECONNREFUSED$/, comes: 'unseen' },
  {
    why: 'refused, as often as it is tried',
    scenario: /^((try)?recvm|for await)/,
    call: /^recv/,
    comes: 'told',
    times: FOR_GOOD,
  },
  { why: 'told once, or tried again; and nothing is lost', call: /^recv/, comes: 'either' },
]
