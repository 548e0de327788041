// A worker thread that is busy with all that this library does, until it is told otherwise or terminated.
// workerData.how: 'terminate' (goes on for ever), 'exit' (process.exit), 'end' (lets everything go and ends with open
// sockets), 'throw' (a listener throws).

const dgram = require('node:dgram')
const { once } = require('node:events')
const { parentPort, workerData } = require('node:worker_threads')
const { createSocket, recvmmsg, recvmsg, sendmmsg, sendmsg, trySendmsg } = require('sendmsg')
const { descriptorOf } = require('./descriptors.cjs')

const quiet = () => undefined
const closed = (error) => {
  if (error.code !== 'ECANCELED' && error.code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error
}
const local = '127.0.0.1'
const data = new Uint8Array(1200)

/** Sends again and again, so that `count` sends are always under way. */
function keepSending(send, count) {
  const again = () => void send().then(() => setImmediate(again), closed)
  for (let index = 0; index < count; index++) again()
}

async function main() {
  const flooded = createSocket({ type: 'udp4', sendBufferSize: 20_000 })
  const flooding = createSocket('udp4')
  const pulled = createSocket({ type: 'udp4', pull: true })
  const lent = createSocket({ type: 'udp4', pull: true })
  const plain = dgram.createSocket({ type: 'udp4', sendBufferSize: 20_000 })
  const all = [flooded, flooding, pulled, lent, plain]
  // The one that sends from several addresses is asked at several.
  for (const socket of all) socket.bind(0, socket === flooding ? '0.0.0.0' : local)
  await Promise.all(all.map((socket) => once(socket, 'listening')))
  const port = Object.fromEntries(
    Object.entries({ flooded, flooding, pulled, lent, plain }).map(([name, socket]) => [name, socket.address().port]),
  )

  let heard = 0
  let reported = false
  let waiting = false
  let pulls = 0
  let plainHeard = 0
  // Node aborts where a thread is terminated while its own dgram receives (AddressToJS in udp_wrap.cc): nothing comes by then.
  let quieted = false
  let plainBefore = -1
  flooded.on('message', (message, info) => {
    heard++
    if (workerData.how === 'throw' && reported) throw new Error('thrown by a listener')
    const answer = { data: message, address: info.address, port: info.port, source: info.destination }
    // An immediate call gives up behind those that wait.
    if (trySendmsg(flooded, answer) === null) void sendmsg(flooded, answer).catch(closed)
  })
  flooding.on('messages', (messages) => {
    const answers = messages.map((message) => ({ data: message.data, address: local, port: port.flooded }))
    void sendmmsg(flooding, answers).catch(closed)
  })
  plain.on('message', () => plainHeard++)
  for (let index = 0; index < 50; index++) {
    trySendmsg(flooding, { data: data.subarray(0, 100), address: local, port: port.flooded, source: '127.0.0.3' })
  }
  keepSending(() => {
    const sent = sendmsg(flooded, { data, address: local, port: quieted ? port.pulled : port.plain })
    waiting ||= flooded.getSendQueueCount() > 0
    return sent
  }, 60)
  keepSending(() => sendmsg(plain, { data, address: local, port: port.pulled, source: '127.0.0.4' }), 60)
  keepSending(
    () => sendmsg(flooding, { data: new Uint8Array(10_000), segmentSize: 1200, address: local, port: port.lent }),
    20,
  )
  const pull = () => pulled.recvmmsg().then((messages) => ((pulls += messages.length), setImmediate(pull)), closed)
  void pull()
  const descriptor = descriptorOf(port.lent)
  const pullLent = () => recvmmsg(descriptor).then(() => setImmediate(pullLent), closed)
  void pullLent()
  // And some that wait for what never comes.
  const silent = createSocket({ type: 'udp6', pull: true })
  for (let index = 0; index < 10; index++) void recvmsg(silent).catch(closed)
  void recvmsg(silent, { timeout: 100_000 }).catch(closed)

  const report = () => ({
    heard,
    pulls,
    plainHeard,
    waiting,
  })
  const look = setInterval(() => {
    if (heard < 10 || pulls < 10 || plainHeard < 10) return
    quieted = true
    if (plainBefore !== plainHeard) {
      plainBefore = plainHeard
      return
    }
    clearInterval(look)
    parentPort.postMessage(report())
    reported = true
    if (workerData.how === 'exit') process.exit(3)
    if (workerData.how === 'end') endByItself()
  }, 1)

  function endByItself() {
    for (const socket of [...all, silent]) socket.unref()
    // What is under way holds the loop; what nobody starts again does not.
    for (const socket of [plain, silent]) socket.close()
    globalThis.setImmediate = quiet
  }
}

void main()
