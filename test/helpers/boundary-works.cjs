// Sends and receives with most of the numbers that the addon and the library share, with the package in the directory that is
// given, and prints what was seen, without the numbers of ports and interfaces, and times.
'use strict'
const { once } = require('node:events')
const { capabilities, createSocket, replyTo } = require(process.argv[2])

const LOOPBACK = '127.0.0.1'
const INFO = ['destination', 'interface', 'cast', 'trafficClass', 'hopLimit', 'timestamp', 'dropped', 'control']
const outcome = {}

/** What was seen of a message, by the fields that are the same each time. */
function seen({ data, interface: through, timestamp, control, ...info }) {
  return {
    ...info,
    port: info.port > 0,
    data: data.length > 20 ? data.length : data.toString(),
    through: through > 0,
    timestamp: typeof timestamp === 'bigint' && timestamp > 10n ** 18n,
    control: control?.map(({ level, type, data: payload }) => [level, type, payload.length]),
  }
}

const messageOf = ({ code, message }) => `${code}: ${message.replace(/:\d+$/, ':PORT')}`

function thrown(call) {
  try {
    return call()
  } catch (error) {
    return messageOf(error)
  }
}

async function sendWithFields() {
  const receiver = createSocket({ type: 'udp4', pull: true, receiveInfo: INFO })
  receiver.bindSync({ address: LOOPBACK })
  const { port } = receiver.address()
  const sender = createSocket({ type: 'udp4', sendTime: true, unsupported: 'ignore' })
  sender.bindSync()
  const to = { address: LOOPBACK, port }
  const send = async (fields, room) => {
    await sender.sendmsg({ data: Buffer.from(JSON.stringify(Object.keys(fields))), ...to, ...fields })
    return seen(await receiver.recvmsg({ timeout: 10_000, ...room }))
  }
  const lifetime = Buffer.alloc(4)
  lifetime.writeInt32LE(55)
  outcome.source = await send({ source: '127.0.0.2', dontFragment: true })
  outcome.hopLimit = await send({ hopLimit: 77, dontFragment: false })
  outcome.trafficClass = await send({ trafficClass: 0x2a })
  outcome.ecn = await send({ ecn: 1, dscp: 11, source: '127.0.0.3', hopLimit: 9 })
  outcome.sendTime = await send({ sendTime: process.hrtime.bigint() })
  outcome.raw = await send({ control: [{ level: 0, type: 2, data: lifetime }] }) // IP_TTL
  outcome.dontRoute = await send({ flags: { dontRoute: true } })
  outcome.truncated = await send({ data: Buffer.alloc(5000) }, { length: 100 })
  outcome.controlTruncated = await send({}, { controlLength: 40 })
  sender.setTTL(33)
  outcome.setTTL = await send({})
  outcome.refused = [
    thrown(() => sender.trySendmsg({ data: '', ...to, flags: { confirm: true, oob: true, partial: true } })),
    thrown(() => sender.trySendmsg({ data: Buffer.alloc(70_000), ...to })),
  ]
  await sender.sendmsg({ data: Buffer.from('asks'), ...to })
  const asked = await receiver.recvmsg({ timeout: 10_000 })
  receiver.trySendmsg({ data: Buffer.from('answers'), ...replyTo(asked) })
  const [answer, { address }] = await once(sender, 'message')
  outcome.answer = [answer.toString(), address]
  // More than one call takes, of both sizes that chunks are for.
  const many = Array.from({ length: 100 }, (_, index) => ({ data: Buffer.alloc(index % 3 ? 700 : 3, index), ...to }))
  await sender.sendmmsg(many)
  const sizes = []
  while (sizes.length < many.length) {
    for (const { data } of await receiver.recvmmsg({ timeout: 10_000 })) sizes.push([data.length, data[0], data.at(-1)])
  }
  outcome.many = sizes
  await sender.sendmsg({ data: Buffer.alloc(1000, 'x'), segmentSize: 400, ...to })
  outcome.segments = []
  while (outcome.segments.length < 3) outcome.segments.push(seen(await receiver.recvmsg({ timeout: 10_000 })))
  receiver.close()
  sender.close()
}

async function coalesce() {
  const receiver = createSocket({ type: 'udp4', pull: true, receiveInfo: ['segmentSize'] })
  receiver.bindSync({ address: LOOPBACK })
  const sender = createSocket('udp4')
  await sender.sendmsg({
    data: Buffer.alloc(1000, 'x'),
    segmentSize: 400,
    address: LOOPBACK,
    port: receiver.address().port,
  })
  outcome.coalesced = seen(await receiver.recvmsg({ timeout: 10_000 }))
  receiver.close()
  sender.close()
}

async function refusedByPeer() {
  const gone = createSocket('udp4')
  gone.bindSync({ address: LOOPBACK })
  const { port } = gone.address()
  gone.close()
  const socket = createSocket({ type: 'udp4', receiveErrors: true })
  socket.bindSync()
  const [[error]] = await Promise.all([
    once(socket, 'datagramError'),
    socket.sendmsg({ data: Buffer.from('to nobody'), address: LOOPBACK, port }),
  ])
  const { code, origin, icmpType, icmpCode, offender, address, data } = error
  outcome.error = {
    code,
    origin,
    icmpType,
    icmpCode,
    offender,
    address,
    to: error.port === port,
    data: data.toString(),
  }
  socket.close()
}

function options() {
  const socket = createSocket({ type: 'udp4', dontFragment: true, recvBufferSize: 50_000, sendBufferSize: 60_000 })
  socket.bindSync({ address: LOOPBACK })
  socket.setBroadcast(true)
  socket.connectSync(9, LOOPBACK)
  outcome.options = [
    socket.getRecvBufferSize(),
    socket.getSendBufferSize(),
    socket.setMulticastTTL(7),
    socket.setMulticastLoopback(false),
    socket.getPathMTU(),
  ]
  socket.close()
  const six = createSocket({ type: 'udp6', ipv6Only: true })
  outcome.six = thrown(() => {
    six.bindSync({ address: '::1' })
    return six.address().address
  })
  six.close()
}

async function main() {
  outcome.capabilities = capabilities()
  options()
  await sendWithFields()
  await coalesce()
  await refusedByPeer()
  console.log(JSON.stringify(outcome))
}

main()
