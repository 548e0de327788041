// Sends what it is told to, a JSON command a line, so that strace can be attached to it.
'use strict'
const { once } = require('node:events')
const dgram = require('node:dgram')
const { createInterface } = require('node:readline')
const { capabilities, createSocket, recvmsg, sendmmsg, sendmsg, trySendmmsg, trySendmsg } = require('sendmsg')

const ways = {
  sendmsg: (socket, messages) => Promise.all(messages.map((message) => sendmsg(socket, message))),
  trySendmsg: (socket, messages) => messages.map((message) => trySendmsg(socket, message)),
  sendmmsg,
  trySendmmsg,
}
const sockets = new Map()

// Tries of its own are behind us when somebody counts.
capabilities()

/** A socket of ours by its options, a lent descriptor, or one that dgram has taken over. */
async function socketOf({ name, options, descriptor, dgramType }) {
  if (descriptor !== undefined && dgramType === undefined) return descriptor
  if (!sockets.has(name)) {
    const socket = dgramType === undefined ? createSocket(options) : dgram.createSocket(dgramType)
    const listening = once(socket, 'listening') // of a descriptor at once
    if (dgramType === undefined) socket.bind()
    else socket.bind({ fd: descriptor })
    await listening
    sockets.set(name, socket)
  }
  return sockets.get(name)
}

async function perform(command) {
  const socket = await socketOf(command.socket)
  if (command.way === 'recvmsg') {
    const { data, ...info } = await recvmsg(socket, { timeout: 10_000 })
    return { message: { ...info, control: undefined, data: data.toString() } }
  }
  if (command.way === 'open') return { port: typeof socket === 'number' ? undefined : socket.address().port }
  const messages = command.messages.map(({ data, sendTime, ...fields }) => ({
    ...fields,
    data: Buffer.from(data, 'base64'),
    ...(sendTime !== undefined && { sendTime: BigInt(sendTime) }),
  }))
  const answer = {}
  try {
    answer.result = await ways[command.way](socket, messages)
  } catch (error) {
    answer.code = error.code
    answer.sent = error.sent
  }
  // A train whose start was taken by a `try` form is finished by the queue.
  for (let turn = 0; socket.getSendQueueCount?.() > 0 && turn < 10_000; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return { ...answer, offload: socket.offload }
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const answer = await perform(JSON.parse(line)).catch((error) => ({ failure: String(error.stack) }))
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  })
  .on('close', () => process.exit())
