// What is measured, as data. Each case has programs that do the same, `sendmsg` first; ratios are of it to each other.
// A case with `load` is a server: the load comes from bench/reference/load.c.

const PAYLOAD = 1200
const TRAIN = 54 // datagrams of 1,200 bytes in 64 kB
/** Messages that one system call receives, ours and C's. */
const RECEIVED = 64

const program = (file, options = {}) => ({ file, options })
const c = (file, options) => program(`reference/${file}`, options)
const js = (file, options) => program(`subjects/${file}.mjs`, options)

/** A case of sending: `options` are the same for all, `call` is ours. */
function sending(name, title, call, options, { targets, count = 120_000, dgram = {}, peers = {} } = {}) {
  const programs = { sendmsg: js('send', { with: 'sendmsg', call, ...options }), c: c('send', options) }
  if (dgram !== null) {
    const { payload, buffers, connected } = options
    programs.dgram = js('send', { with: 'dgram', payload, buffers, connected, batch: 64, count: 50_000, ...dgram })
  }
  return { name, title, targets, sink: true, count, programs: { ...programs, ...peers } }
}

/** A case of receiving: `by` is ours; C is epoll and recvmmsg. */
function receiving(name, title, by, options, { targets, load = {}, count = 120_000, dgram = true, peers = {} } = {}) {
  const programs = {
    sendmsg: js('receive', { with: 'sendmsg', by, ...options }),
    c: c('receive', { batch: RECEIVED, ...options }),
  }
  // It knows no trains: the kernel splits them for it.
  if (dgram) programs.dgram = js('receive', { with: 'dgram', by: 'message', count: 100_000 })
  return {
    name,
    title,
    targets,
    count,
    load: { mode: 'flood', payload: PAYLOAD, ...load },
    programs: { ...programs, ...peers },
  }
}

const trains = { payload: PAYLOAD * TRAIN, segment: PAYLOAD, batch: 1 }

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
  sending('trains', 'segmentSize trains of 64 kB', 'trySendmsg', trains, {
    targets: { c: 1.05, dgram: 0.16 },
    count: 600_000,
    dgram: { payload: PAYLOAD },
  }),
  receiving('message', "'message' events", 'message', {}, { targets: { c: 1.6, dgram: 0.5 } }),
  receiving('messages', "'messages' batches", 'messages', {}, { targets: { c: 1.25, dgram: 0.4 } }),
  receiving(
    'coalesced',
    "'messages', coalesced trains whole",
    'messages',
    { coalesce: 1 },
    {
      targets: { c: 1.2, dgram: 0.1 },
      load: { segment: PAYLOAD, payload: PAYLOAD * TRAIN, batch: 4 },
      count: 600_000,
    },
  ),
  receiving(
    'segments',
    "'messages', coalesced trains, a view each",
    'segments',
    { coalesce: 1 },
    {
      targets: { c: 4, dgram: 0.1 },
      load: { segment: PAYLOAD, payload: PAYLOAD * TRAIN, batch: 4 },
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
