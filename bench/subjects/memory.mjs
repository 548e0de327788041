// Bytes: of=waiting (a message that waits; on a narrow loopback), of=idle (a bound socket), of=received (ArrayBuffers
// allocated for each received byte; under load). count=, warm=. Run with --expose-gc; prints JSON.
import { setImmediate as turn } from 'node:timers/promises'
import { given, number } from './subject.mjs'

const count = number('count', 1)

async function collected() {
  for (let time = 0; time < 5; time++) {
    await turn()
    globalThis.gc()
  }
  return process.memoryUsage()
}

function tellGrowth(before, after) {
  const of = (field) => Math.round((after[field] - before[field]) / count)
  console.log(JSON.stringify({ heap: of('heapUsed'), external: of('external'), resident: of('rss') }))
  process.exit()
}

const programs = {
  async waiting() {
    const { fill, narrow } = await import('./narrow.mjs')
    const { socket, message } = await narrow()
    fill(socket, message)
    const { data, address, port } = message
    const before = await collected()
    for (let index = 0; index < count; index++) socket.sendmsg({ data, address, port }).catch(() => {})
    tellGrowth(before, await collected())
  },
  async idle() {
    const { createSocket } = await import('sendmsg')
    const sockets = []
    const open = async () => {
      const socket = createSocket('udp4')
      await new Promise((done) => socket.bind(0, '127.0.0.1', done))
      sockets.push(socket)
    }
    for (let index = 0; index < 10; index++) await open() // what is allocated once
    const before = await collected()
    for (let index = 0; index < count; index++) await open()
    tellGrowth(before, await collected())
  },
  async received() {
    let allocated = 0
    const { allocUnsafeSlow } = Buffer
    Buffer.allocUnsafeSlow = (size) => {
      allocated += size
      return allocUnsafeSlow(size)
    }
    const { createSocket } = await import('sendmsg')
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
    let messages = 0
    let bytes = 0
    socket.on('messages', (batch) => {
      messages += batch.length
      for (const { size } of batch) bytes += size
      if (messages < count) return
      console.log(JSON.stringify({ bytes, allocated }))
      process.exit()
    })
    socket.bind(0, '127.0.0.1', () => console.log(`port ${socket.address().port}`))
  },
}

await programs[given.of]()
