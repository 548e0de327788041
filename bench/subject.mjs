// One case in a process of its own: subject.mjs PEER CASE COUNT PORT. Prints what reference.c prints.
import dgram from 'node:dgram'
import { createSocket } from 'sendmsg'

const [peer, name, countText, portText] = process.argv.slice(2)
const count = Number(countText)
const port = Number(portText)
const PAYLOAD = 1200
const BATCH = 64
const TRAIN = 54

const address = '127.0.0.1'
const message = { data: Buffer.alloc(PAYLOAD), address, port, source: '127.0.0.2', ecn: 1 }

const ours = {
  single(socket) {
    if (socket.trySendmsg(message) === null) throw new Error('no room')
    return 1
  },
  batch: (socket) => socket.trySendmmsg(batch),
  train(socket) {
    if (socket.trySendmsg(train) === null) throw new Error('no room')
    return TRAIN
  },
}
const batch = new Array(BATCH).fill(message)
const train = { data: Buffer.alloc(PAYLOAD * TRAIN), address, port, segmentSize: PAYLOAD }

function cpuTime() {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

async function measure(send) {
  await send(count / 10) // compiled by now
  const start = cpuTime()
  const sent = await send(count)
  console.log(sent, cpuTime() - start)
}

if (peer === 'sendmsg') {
  const socket = createSocket('udp4')
  const once = ours[name]
  await measure((wanted) => {
    let sent = 0
    while (sent < wanted) sent += once(socket)
    return sent
  })
  socket.close()
} else {
  // Without control data, which dgram does not have; as many under way as keeps its queue short.
  const socket = dgram.createSocket('udp4')
  await new Promise((done) => socket.bind(0, done))
  await measure(
    (wanted) =>
      new Promise((done) => {
        let started = 0
        let finished = 0
        const more = () => {
          finished++
          if (started < wanted) next()
          else if (finished === started) done(finished)
        }
        const next = () => {
          started++
          socket.send(message.data, port, address, more)
        }
        for (let index = 0; index < BATCH; index++) next()
      }),
  )
  socket.close()
}
