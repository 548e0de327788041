// What received messages cost: a million that nobody keeps must leave nothing behind, and those that a program keeps
// hold no more alive than promised. Run with --expose-gc, by memory-check.mjs; with `--kept COUNT` only the second, for
// so many kept messages of each size (test/native/memory.test.ts).

const { setImmediate: turn } = require('node:timers/promises')
const { createSocket } = require('sendmsg')

const MANY = 1_000_000
const BATCH = 64
const GROWTH = { rss: 10 << 20, heapUsed: 1 << 20, arrayBuffers: 256 << 10 }

/** Bytes that one kept message may hold: its chunk. */
const SMALL = 8 * 1024
const LARGE = 64 * 1024
/** Below this many bytes a message is small. */
const SMALL_MESSAGE = 512
/** The two chunks in use, and Node's own pool. */
const BESIDE = LARGE + 2 * SMALL

async function collected() {
  for (let count = 0; count < 5; count++) {
    await turn()
    globalThis.gc()
  }
  return process.memoryUsage()
}

/** Has `count` messages received, in batches that the receive buffer has room for. */
async function pass(count, size, segments, coalesce, onMessage) {
  const receiver = createSocket({ type: 'udp4', coalesce, recvBufferSize: 4 << 20 })
  receiver.bindSync({ address: '127.0.0.1' })
  const sender = createSocket('udp4')
  sender.bindSync()
  sender.connectSync(receiver.address().port, '127.0.0.1')
  let received = 0
  let arrived
  receiver.on('message', (data, info) => {
    onMessage(data, info, received++)
    if (received >= wanted) arrived()
  })
  const message = { data: Buffer.alloc(size * segments), segmentSize: segments > 1 ? size : undefined }
  const perBatch = Math.min(BATCH, Math.max(1, Math.floor((128 * 1024) / (size * segments))))
  const batch = Array(perBatch).fill(message)
  let wanted = 0
  while (wanted < count) {
    wanted += perBatch * segments
    const all = new Promise((resolve) => (arrived = resolve))
    await sender.sendmmsg(batch)
    await all
  }
  receiver.close()
  sender.close()
}

/** The worst case: of each chunk one message is kept. Bytes that each of them holds. */
async function kept(count, size, segments, coalesce) {
  const promised = size < SMALL_MESSAGE ? SMALL : LARGE
  const every = Math.ceil(promised / size) // at least as many as one chunk has
  await pass(every, size, segments, coalesce, () => {})
  const before = await collected()
  const keep = []
  await pass(count * every, size, segments, coalesce, (data, info, number) => {
    if (number % every === 0) keep.push(data)
  })
  const after = await collected()
  const held = (after.arrayBuffers - before.arrayBuffers - BESIDE) / keep.length
  const how = segments === 1 ? '' : coalesce ? ', in trains that came whole' : ', in trains'
  const right = held <= promised && keep.length >= count
  console.log(
    `kept: ${keep.length} messages of ${size} bytes${how} hold ${Math.round(held)} bytes each, ` +
      `of ${promised} at most: ${right ? 'right' : 'too much'}`,
  )
  return right
}

async function keptOfEach(count) {
  let right = true
  for (const size of [64, 100, 511, 512, 1200, 9000, 60_000]) right = (await kept(count, size, 1, false)) && right
  for (const coalesce of [false, true]) {
    for (const size of [100, 1200]) right = (await kept(count, size, 32, coalesce)) && right
  }
  return right
}

async function million() {
  const none = () => {}
  await pass(MANY / 5, 100, 1, false, none)
  const before = await collected()
  const start = process.hrtime.bigint()
  await pass(MANY, 100, 1, false, none)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const after = await collected()
  const grown = Object.keys(GROWTH).map((name) => [name, after[name] - before[name]])
  const right = grown.every(([name, bytes]) => bytes < GROWTH[name])
  const figures = grown.map(([name, bytes]) => `${name} ${Math.round(bytes / 1024)} kB`).join(', ')
  console.log(
    `a million messages in ${seconds.toFixed(1)} s leave ${figures}: ${right ? 'none to speak of' : 'too much'}`,
  )
  return right
}

async function main() {
  const [option, count] = process.argv.slice(2)
  const right = option === '--kept' ? await keptOfEach(Number(count)) : (await million()) && (await keptOfEach(500))
  process.exitCode = right ? 0 : 1
}

main()
