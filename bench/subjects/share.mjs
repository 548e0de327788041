// Receives by 'messages' on sockets= that share a port, each in a worker thread, as reference/receive.c with the same:
// warm=, count=.
import { once } from 'node:events'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { createSocket } from 'sendmsg'
import { cpuTime, given, number, tell } from './subject.mjs'

/** Fields of the memory that all share. */
const Field = { received: 0, first: 1, start: 2 }

async function main() {
  const memory = new BigInt64Array(new SharedArrayBuffer(8 * Object.keys(Field).length))
  const limits = { warm: number('warm', 0), count: number('count', 1) }
  let port = 0
  for (let index = 0; index < Number(given.sockets); index++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { memory, limits, port } })
    ;[port] = await once(worker, 'message')
    worker.on('message', ({ datagrams, nanoseconds }) => {
      tell(datagrams, nanoseconds)
      process.exit()
    })
  }
  process.stdout.write(`port ${port}\n`)
}

function receive() {
  const { memory, limits, port } = workerData
  const warm = BigInt(limits.warm)
  const count = BigInt(limits.count)
  const socket = createSocket({ type: 'udp4', reusePort: true, recvBufferSize: 1 << 20 })
  let ended = false
  socket.on('messages', (messages) => {
    const more = BigInt(messages.length)
    const total = Atomics.add(memory, Field.received, more) + more
    const first = Atomics.load(memory, Field.first)
    if (first === 0n) {
      if (total < warm) return
      Atomics.store(memory, Field.start, BigInt(cpuTime()))
      Atomics.compareExchange(memory, Field.first, 0n, total)
    } else if (total - first >= count && !ended) {
      ended = true
      const nanoseconds = cpuTime() - Number(Atomics.load(memory, Field.start))
      parentPort.postMessage({ datagrams: Number(total - first), nanoseconds })
    }
  })
  socket.bind(port, '127.0.0.1', () => parentPort.postMessage(socket.address().port))
}

if (isMainThread) await main()
else receive()
