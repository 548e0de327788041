// no-descriptors.mjs [raw]: what calls that need a descriptor do when there is none, and once there is one again.
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import dgram from 'node:dgram'
import { capabilities, createSocket } from 'sendmsg'

const told = ({ code, errno, syscall, address, port }) => ({ code, errno, syscall, address, port })

if (process.argv[2] === 'raw') {
  process.setuid(65534)
  const socket = createSocket({ type: 'raw4', protocol: 253 })
  socket.bind()
  const [error] = await once(socket, 'error')
  socket.close()
  console.log(JSON.stringify({ raw: told(error) }))
} else {
  capabilities() // its own sockets are made before
  const message = { data: Buffer.from('x'), address: '127.0.0.1', port: 9 }
  const calls = {
    bind: async (socket) => {
      socket.bind()
      await once(socket, 'listening')
    },
    bindSync: (socket) => socket.bindSync(),
    connectSync: (socket) => socket.connectSync(9, '127.0.0.1'),
    recvmsg: (socket) =>
      socket.recvmsg({ timeout: 1 }).catch((error) => {
        if (error.code !== 'ETIMEDOUT') throw error
      }),
    tryRecvmsg: (socket) => socket.tryRecvmsg(),
    sendmsg: (socket) => socket.sendmsg(message),
    trySendmsg: (socket) => socket.trySendmsg(message),
    sendmmsg: (socket) => socket.sendmmsg([message]),
    'send with a message': (socket) =>
      new Promise((resolve, reject) => {
        socket.send(message, (error) => (error ? reject(error) : resolve()))
      }),
    'send of dgram': (socket) =>
      new Promise((resolve, reject) => {
        socket.send('x', 9, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
      }),
    connect: (socket) =>
      new Promise((resolve, reject) => {
        socket.connect(9, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
      }),
    address: (socket) => socket.address(),
    setTTL: (socket) => socket.setTTL(9),
    getRecvBufferSize: (socket) => socket.getRecvBufferSize(),
    addMembership: (socket) => socket.addMembership('239.255.77.3', '127.0.0.1'),
    setDontFragment: (socket) => socket.setDontFragment(true),
  }
  const sockets = new Map(Object.keys(calls).map((name) => [name, createSocket({ type: 'udp4', pull: true })]))
  for (const socket of sockets.values()) socket.on('error', () => {})
  const outcome = async (call, socket) => {
    try {
      await call(socket)
      return 'done'
    } catch (error) {
      return told(error)
    }
  }
  const held = []
  try {
    for (;;) held.push(openSync('/dev/null', 'r'))
  } catch (error) {
    if (error.code !== 'EMFILE') throw error
  }
  const theirs = dgram.createSocket('udp4')
  theirs.bind()
  const [refused] = await once(theirs, 'error')
  const ours = {}
  for (const [name, socket] of sockets) ours[name] = await outcome(calls[name], socket)
  for (const descriptor of held) closeSync(descriptor)
  const again = {}
  for (const [name, socket] of sockets) again[name] = await outcome(calls[name], socket)
  let closed = 0
  await Promise.all(
    [...sockets.values()].map(async (socket) => {
      const gone = once(socket, 'close')
      socket.close()
      await gone
      closed++
    }),
  )
  console.log(JSON.stringify({ dgram: { bind: told(refused) }, ours, again, closed }))
}
