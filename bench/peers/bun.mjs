// Bun's udpSocket: do=send, sendMany (of batch=), receive, echo; the rest as in ../subjects. It knows no control data.
/* global Bun */
import { cpuTime, given, meter, number, tell } from '../subjects/subject.mjs'

const address = '127.0.0.1'
const port = number('port', 0)
const payload = number('payload', 1200)

function measure(send) {
  const count = number('count', 1)
  const loop = (wanted) => {
    let sent = 0
    while (sent < wanted) sent += send()
    return sent
  }
  loop(number('warm', count))
  const start = cpuTime()
  const sent = loop(count)
  tell(sent, cpuTime() - start)
}

function noRoom() {
  throw new Error('no room')
}

async function serve(hostname, data) {
  const socket = await Bun.udpSocket({ hostname, port: 0, socket: { data } })
  process.stdout.write(`port ${socket.port}\n`)
}

const programs = {
  async send() {
    const socket = await Bun.udpSocket({})
    const own = Buffer.alloc(payload, 1)
    measure(() => (socket.send(own, port, address) ? 1 : noRoom()))
    socket.close()
  },
  async sendMany() {
    const socket = await Bun.udpSocket({})
    const batch = Array.from({ length: number('batch', 64) }, () => [Buffer.alloc(payload, 1), port, address]).flat()
    measure(() => socket.sendMany(batch) || noRoom())
    socket.close()
  },
  async receive() {
    const count = meter(() => process.exit())
    await serve(address, () => count(1))
  },
  async echo() {
    const count = meter(() => process.exit())
    await serve('0.0.0.0', (socket, data, from, host) => {
      socket.send(data, from, host)
      count(1)
    })
  },
}

await programs[given.do]()
