// Many sockets: do=send (round robin by trySendmsg, port=) or do=receive (by 'messages'); sockets=, warm=, count=.
import { createSocket } from 'sendmsg'
import { cpuTime, given, meter, number, tell } from './subject.mjs'

const address = '127.0.0.1'

async function open(options) {
  const socket = createSocket({ type: 'udp4', ...options })
  await new Promise((done) => socket.bind(0, address, done))
  return socket
}

function send(sockets) {
  const data = Buffer.alloc(1200, 1)
  const port = number('port', 0)
  const loop = (wanted) => {
    for (let sent = 0; sent < wanted; sent++) {
      if (sockets[sent % sockets.length].trySendmsg({ data, address, port }) === null) throw new Error('no room')
    }
  }
  const count = number('count', 1)
  loop(number('warm', count))
  const start = cpuTime()
  loop(count)
  tell(count, cpuTime() - start)
  process.exit()
}

function receive(sockets) {
  const count = meter(() => process.exit())
  for (const socket of sockets) socket.on('messages', (messages) => count(messages.length))
  process.stdout.write(`port ${sockets.map((socket) => socket.address().port).join(',')}\n`)
}

const options = given.do === 'send' ? { pull: true } : {}
const sockets = []
while (sockets.length < number('sockets', 1)) sockets.push(await open(options))
if (given.do === 'send') send(sockets)
else receive(sockets)
