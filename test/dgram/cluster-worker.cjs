// A cluster worker that does what it is told to by its primary process, see cluster.test.ts.
'use strict'
const { once } = require('node:events')
const { createSocket } = require('sendmsg')

const sockets = []
const received = []

async function bind({ options, given }) {
  const number = sockets.length
  const socket = createSocket(options, (data) => received[number].push(data.toString()))
  sockets.push(socket)
  received.push([])
  const listening = once(socket, 'listening')
  socket.bind(given)
  await listening
  return { number, port: socket.address().port }
}

const operations = {
  bind,
  bindSync: async ({ options, given }) => ({ port: createSocket(options).unref().bindSync(given).port }),
  received: async ({ number }) => received[number],
  send: async ({ number, message }) => await sockets[number].sendmsg({ ...message, data: Buffer.from(message.data) }),
  close: async ({ number }) => await sockets[number][Symbol.asyncDispose](),
}

process.on('message', async (command) => {
  const answer = await operations[command.op](command).then(
    (result) => ({ result }),
    ({ name, code, message }) => ({ error: { name, code, message } }),
  )
  process.send(answer)
})
process.on('disconnect', () => process.exit())
process.send('ready')
