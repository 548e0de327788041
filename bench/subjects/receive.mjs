// Receives as reference/receive.c does: with=sendmsg or dgram, by= (message, messages, segments: a view for each datagram
// of a train, recvmmsg), coalesce=1, whole=0 (the library splits trains again), warm=, count=.
import dgram from 'node:dgram'
import { createSocket } from 'sendmsg'
import { given, meter, number } from './subject.mjs'

const coalesce = number('coalesce', 0) === 1
const whole = coalesce && number('whole', 1) === 1
const recvBufferSize = number('buffer', 1 << 20)
const count = meter(() => process.exit())

function open() {
  if (given.with === 'dgram') return dgram.createSocket({ type: 'udp4', recvBufferSize })
  const receiveInfo = ['destination', 'interface', 'cast', 'trafficClass']
  if (whole) receiveInfo.push('segmentSize')
  return createSocket({ type: 'udp4', recvBufferSize, coalesce, receiveInfo, pull: given.by === 'recvmmsg' })
}

const socket = open()
const listeners = {
  message: () => socket.on('message', () => count(1)),
  messages() {
    socket.on('messages', (messages) => {
      if (!whole) {
        count(messages.length)
        return
      }
      let datagrams = 0
      for (const { size, segmentSize } of messages) {
        datagrams += segmentSize === undefined ? 1 : Math.ceil(size / segmentSize)
      }
      count(datagrams)
    })
  },
  segments() {
    let last
    socket.on('messages', (messages) => {
      let datagrams = 0
      for (const message of messages) {
        for (last of segmentsOf(message)) datagrams++
      }
      count(datagrams)
      return last
    })
  },
  async recvmmsg() {
    for (;;) count((await socket.recvmmsg({ count: 64 })).length)
  },
}

function segmentsOf({ data, segmentSize = data.length }) {
  const views = []
  for (let at = 0; at < data.length; at += segmentSize) views.push(data.subarray(at, at + segmentSize))
  return views
}

socket.bind(number('port', 0), '127.0.0.1', () => {
  process.stdout.write(`port ${socket.address().port}\n`)
  listeners[given.by]()
})
