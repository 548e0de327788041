// Sends as reference/send.c does: with=sendmsg or dgram, call= (trySendmsg, sendmsg, trySendmmsg), batch=, payload=,
// segment=, buffers=, control=1, connected=1, reuse=1 (one message object for all), warm=, count=, port=.
import dgram from 'node:dgram'
import { createSocket } from 'sendmsg'
import { cpuTime, given, number, tell } from './subject.mjs'

const address = '127.0.0.1'
const port = number('port', 0)
const payload = number('payload', 1200)
const count = number('count', 1)
const batch = number('batch', 1)
const segment = number('segment', 0)
const buffers = number('buffers', 1)
const connected = number('connected', 0) === 1

/** A payload of its own for each message, as programs have it. */
function data() {
  const whole = Buffer.alloc(payload, 1)
  if (buffers === 1) return whole
  const part = Math.floor(payload / buffers)
  return Array.from({ length: buffers }, (_, index) =>
    whole.subarray(index * part, index + 1 < buffers ? (index + 1) * part : payload),
  )
}

function message(own) {
  const fields = { data: own }
  if (!connected) Object.assign(fields, { address, port })
  if (number('control', 0) === 1) Object.assign(fields, { source: '127.0.0.2', ecn: 1 })
  if (segment > 0) fields.segmentSize = segment
  return fields
}

function noRoom() {
  throw new Error('no room')
}

/** Each returns, or promises, the datagrams sent by one call. */
const calls = {
  trySendmsg(socket) {
    const datagrams = segment > 0 ? Math.ceil(payload / segment) : 1
    const same = message(data())
    if (segment > 0 || number('reuse', 0) === 1) {
      return () => (socket.trySendmsg(same) === null ? noRoom() : datagrams)
    }
    const own = data()
    if (connected) return () => (socket.trySendmsg({ data: own }) === null ? noRoom() : 1)
    if (number('control', 0) === 0)
      return () => (socket.trySendmsg({ data: own, address, port }) === null ? noRoom() : 1)
    return () => (socket.trySendmsg({ data: own, address, port, source: '127.0.0.2', ecn: 1 }) === null ? noRoom() : 1)
  },
  trySendmmsg(socket) {
    const messages = Array.from({ length: batch }, () => message(data()))
    return () => socket.trySendmmsg(messages) || noRoom()
  },
}

async function measure(send) {
  await send(number('warm', count))
  const start = cpuTime()
  const sent = await send(count)
  tell(sent, cpuTime() - start)
}

async function measureOurs() {
  const socket = createSocket('udp4')
  socket.bindSync()
  if (connected) socket.connectSync(port, address)
  if (given.call === 'sendmsg') {
    const own = data()
    await measure(async (wanted) => {
      for (let sent = 0; sent < wanted; sent++) {
        await socket.sendmsg({ data: own, address, port, source: '127.0.0.2', ecn: 1 })
      }
      return wanted
    })
  } else {
    const call = calls[given.call](socket)
    await measure((wanted) => {
      let sent = 0
      while (sent < wanted) sent += call()
      return sent
    })
  }
  socket.close()
}

/** Without control data, which dgram does not have; `batch` sends are under way at a time. */
async function measureDgram() {
  const socket = dgram.createSocket('udp4')
  await new Promise((done) => socket.bind(0, done))
  if (connected) await new Promise((done) => socket.connect(port, address, done))
  const own = data()
  const destination = connected ? [] : [port, address]
  await measure(
    (wanted) =>
      new Promise((done) => {
        let started = 0
        let finished = 0
        const next = () => {
          started++
          socket.send(own, ...destination, more)
        }
        const more = () => {
          finished++
          if (started < wanted) next()
          else if (finished === started) done(finished)
        }
        for (let index = 0; index < batch && started < wanted; index++) next()
      }),
  )
  socket.close()
}

await (given.with === 'dgram' ? measureDgram() : measureOurs())
