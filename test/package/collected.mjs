// Sockets whose async context holds them: those that are dropped unbound, and those that were closed in a listener, are
// collected all the same. Prints how many of COUNT were, and how many messages were heard in the context of createSocket().
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSocket } from 'sendmsg'

const COUNT = 20
const context = new AsyncLocalStorage()
const told = { dropped: 0, closed: 0, heard: 0 }
const registry = new FinalizationRegistry((kind) => told[kind]++)

function made(kind) {
  return context.run({}, () => {
    const socket = createSocket('udp4')
    context.getStore().socket = socket
    registry.register(socket, kind)
    return socket
  })
}

async function closedInListener() {
  const socket = made('closed')
  socket.on('message', () => {
    if (context.getStore()?.socket === socket) told.heard++
    socket.close()
  })
  socket.bindSync({ address: '127.0.0.1' })
  const { port } = socket.address()
  await Promise.all([once(socket, 'close'), socket.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port })])
}

for (let count = 0; count < COUNT; count++) {
  made('dropped')
  await closedInListener()
}
for (let turn = 0; turn < 100 && told.dropped + told.closed < 2 * COUNT; turn++) {
  globalThis.gc()
  await sleep(5)
}
console.log(JSON.stringify({ of: COUNT, ...told }))
