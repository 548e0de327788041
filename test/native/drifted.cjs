// The library with an addon whose constants are others than it says: prints what becomes of a receive that cannot go on.
'use strict'

const path = require('node:path')
const load = require('node-gyp-build')

const root = path.dirname(require.resolve('sendmsg/package.json'))
const file = (load.path ?? load.resolve)(root)
const addon = require(file)
// Messages of 1,900 bytes go to the large chunk there, and here a new small one is made for them without end.
const { layout } = addon
require.cache[file].exports = { ...addon, layout: { ...layout, sizes: { ...layout.sizes, smallMessage: 2000 } } }
const { createSocket } = require('sendmsg')

const receiver = createSocket({ type: 'udp4', pull: true, recvBufferSize: 1 << 20 }).bind(0, '127.0.0.1')
const sender = createSocket('udp4')
const { port } = receiver.address()
const told = []
for (let round = 0; round < 3; round++) {
  for (let count = 0; count < 60; count++) sender.trySendmsg({ data: Buffer.alloc(1900), address: '127.0.0.1', port })
  try {
    told.push(receiver.tryRecvmmsg({ count: 60 }).length)
  } catch (error) {
    told.push(error.message)
  }
}
console.log(JSON.stringify(told))
for (const socket of [sender, receiver]) socket.close()
