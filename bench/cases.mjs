// What is measured, as data. Each case has programs that do the same, `sendmsg` first; ratios are of it to each other.
// A case with `load` is a server: the load comes from bench/reference/load.c.

const PAYLOAD = 1200
const TRAIN = 54 // datagrams of 1,200 bytes in 64 kB
/** Messages that one system call receives, ours and C's. */
const RECEIVED = 64

const c = (file, options) => ({ run: 'c', file, options })
const js = (file, options) => ({ run: 'node', file, options })

/** A case of sending: `options` are the same for all, `call` is ours. */
function sending(name, title, call, options, { targets, count = 120_000, dgram = {} } = {}) {
  const programs = { sendmsg: js('send', { with: 'sendmsg', call, ...options }), c: c('send', options) }
  if (dgram !== null) {
    const { payload, buffers, connected } = options
    programs.dgram = js('send', { with: 'dgram', payload, buffers, connected, batch: 64, count: 50_000, ...dgram })
  }
  return { name, title, targets, count, programs }
}

/** A case of receiving: `by` is ours; C is epoll and recvmmsg. */
function receiving(name, title, by, options, { targets, load = {}, count = 120_000, dgram = true } = {}) {
  const programs = {
    sendmsg: js('receive', { with: 'sendmsg', by, ...options }),
    c: c('receive', { batch: RECEIVED, ...options }),
  }
  // It knows no segmented messages: the kernel splits them for it.
  if (dgram) programs.dgram = js('receive', { with: 'dgram', by: 'message', count: 40_000 })
  return {
    name,
    title,
    targets,
    count,
    load: { mode: 'flood', payload: PAYLOAD, ...load },
    programs,
  }
}

/** Sockets that share a port, each in a thread of its own; the load comes from many ports, for the kernel to spread. */
function sharing(sockets) {
  return {
    name: `share-${sockets}`,
    title: `'messages', ${sockets} ${sockets === 1 ? 'thread' : 'threads that share a port'}`,
    count: 120_000,
    load: { mode: 'flood', payload: PAYLOAD, sockets: 16 },
    programs: { sendmsg: js('share', { sockets }), c: c('receive', { batch: RECEIVED, sockets }) },
  }
}

const TRAINS = { payload: PAYLOAD * TRAIN, segment: PAYLOAD, batch: 1 }

const TRAIN_LOAD = { segment: PAYLOAD, payload: PAYLOAD * TRAIN, batch: 4 }

export const ROWS = [
  sending('single', 'trySendmsg, source and ECN', 'trySendmsg', { control: 1 }, { targets: { c: 1.25, dgram: 0.7 } }),
  sending(
    'awaited',
    'sendmsg awaited in turn',
    'sendmsg',
    { control: 1 },
    { targets: { c: 1.6, dgram: 0.8 }, dgram: { batch: 1 } },
  ),
  sending(
    'batch-64',
    'trySendmmsg of 64',
    'trySendmmsg',
    { control: 1, batch: 64 },
    { targets: { c: 1.1, dgram: 0.6 } },
  ),
  sending('trains', 'segmented messages of 64 kB', 'trySendmsg', TRAINS, {
    targets: { c: 1.05, dgram: 0.16 },
    count: 600_000,
    dgram: { payload: PAYLOAD },
  }),
  receiving('message', "'message' events", 'message', {}, { targets: { c: 1.6, dgram: 0.5 } }),
  receiving('messages', "'messages' batches", 'messages', {}, { targets: { c: 1.25, dgram: 0.4 } }),
  receiving(
    'coalesced',
    "'messages', coalesced, not split",
    'messages',
    { coalesce: 1 },
    {
      targets: { c: 1.2, dgram: 0.1 },
      load: TRAIN_LOAD,
      count: 600_000,
    },
  ),
  receiving(
    'segments',
    "'messages', coalesced, a view each",
    'segments',
    { coalesce: 1 },
    {
      targets: { c: 4, dgram: 0.1 },
      load: TRAIN_LOAD,
      count: 600_000,
    },
  ),
  {
    name: 'echo',
    title: 'echo server, from the destination',
    targets: { c: 1.4, dgram: 0.45 },
    count: 100_000,
    load: { mode: 'echo', payload: PAYLOAD, address: '127.0.0.2' },
    programs: {
      sendmsg: js('echo', { with: 'sendmsg' }),
      c: c('echo', { batch: RECEIVED }),
      dgram: { ...js('echo', { with: 'dgram' }), load: { any: 1 } },
    },
  },
]

/** What --all measures besides. When sending, one buffer of 1,200 bytes and no control data is the rule. */
export const OTHERS = [
  sending('plain', 'trySendmsg, no control data', 'trySendmsg', {}),
  sending('reuse', 'trySendmsg, one message object for all', 'trySendmsg', { control: 1, reuse: 1 }),
  sending('connected', 'trySendmsg, connected', 'trySendmsg', { connected: 1 }),
  sending('gather-2', 'trySendmsg, gathered of 2 buffers', 'trySendmsg', { buffers: 2 }),
  sending('gather-8', 'trySendmsg, gathered of 8 buffers', 'trySendmsg', { buffers: 8 }),
  sending('payload-64', 'trySendmsg, 64 bytes', 'trySendmsg', { payload: 64 }),
  sending('payload-65000', 'trySendmsg, 65,000 bytes', 'trySendmsg', { payload: 65_000 }, { count: 20_000 }),
  sending('batch-8', 'trySendmmsg of 8', 'trySendmmsg', { control: 1, batch: 8 }),
  sending('batch-32', 'trySendmmsg of 32', 'trySendmmsg', { control: 1, batch: 32 }),
  receiving('recvmmsg', 'recvmmsg of 64', 'recvmmsg', {}),
  receiving('messages-64', "'messages' batches, 64 bytes", 'messages', {}, { load: { payload: 64 } }),
  receiving(
    'messages-65000',
    "'messages' batches, 65,000 bytes",
    'messages',
    {},
    {
      load: { payload: 65_000, batch: 4 },
      count: 20_000,
    },
  ),
  receiving(
    'split',
    "'messages', coalesced, split again",
    'messages',
    { coalesce: 1, whole: 0 },
    {
      load: TRAIN_LOAD,
      count: 600_000,
    },
  ),
  sharing(1),
  sharing(2),
  sharing(4),
]

const bun = (what, options) => ({ run: 'bun', options: { do: what, ...options } })
const python = (what) => ({ run: 'python', options: { do: what } })
const go = (what, options) => ({ run: 'go', options: { do: what, ...options } })
/** It cannot choose what it answers from. */
const anySource = { load: { any: 1 } }

const PEERS = {
  single: { bun: bun('send'), python: python('send'), go: go('send') },
  'batch-64': { bun: bun('sendMany', { batch: 64 }), go: go('send', { batch: 64 }) },
  message: { bun: bun('receive'), python: python('receive') },
  messages: { bun: bun('receive'), go: go('receive', { batch: RECEIVED }) },
  echo: { bun: { ...bun('echo'), ...anySource }, python: python('echo'), go: go('echo', { batch: RECEIVED }) },
}

export const ALL = [...ROWS, ...OTHERS].map((one) => ({ ...one, programs: { ...one.programs, ...PEERS[one.name] } }))
