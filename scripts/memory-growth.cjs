// Opens, sends, receives and closes for rounds of the same work: memory and descriptors must not grow with them.
// With `--once` it works once through, for LeakSanitizer to look at what is left. Called by memory-check.mjs.

const dgram = require('node:dgram')
const { once } = require('node:events')
const { readdirSync } = require('node:fs')
const { setImmediate: turn } = require('node:timers/promises')
const { createSocket, sendmsg, trySendmsg } = require('sendmsg')

// The heap's own room, and the pages that malloc keeps, have found their size after the first ones.
const WARM_UP = 20
const ROUNDS = 32
const ALLOWED = 10 * 1024 * 1024 // less than one block of 64 bytes for each piece of work

const descriptors = () => readdirSync('/proc/self/fd').length

async function work() {
  for (let count = 0; count < 150; count++) {
    const receiver = createSocket({ type: 'udp4', pull: true, receiveInfo: ['destination', 'timestamp', 'control'] })
    receiver.bind(0, '127.0.0.1')
    const to = { address: '127.0.0.1', port: receiver.address().port }
    const sender = createSocket('udp4')
    const control = [{ level: 99, type: 1, data: Buffer.alloc(16) }]
    for (let message = 0; message < 20; message++) await sendmsg(sender, { data: Buffer.alloc(100), control, ...to })
    sender.trySendmmsg(
      Array.from({ length: 20 }, () => ({ data: [Buffer.alloc(50), Buffer.alloc(50)], hopLimit: 9, ...to })),
    )
    for (let message = 0; message < 40; message++) await receiver.recvmsg({ timeout: 10_000 })
    const pending = receiver.recvmsg().catch(() => undefined)
    try {
      trySendmsg(sender, { ...to, data: Buffer.alloc(1), hopLimit: 300 })
    } catch {
      // The paths of errors are work, too.
    }
    receiver.close()
    sender.close()
    await pending
  }
  for (let count = 0; count < 20; count++) {
    const borrowed = dgram.createSocket('udp4').bind(0, '127.0.0.1')
    await once(borrowed, 'listening')
    trySendmsg(borrowed, { data: Buffer.alloc(1), address: '127.0.0.1', port: 9 })
    borrowed.close()
    await once(borrowed, 'close')
  }
  for (let count = 0; count < 5; count++) {
    await turn()
    globalThis.gc()
  }
}

async function main() {
  if (process.argv.includes('--once')) return await work()
  for (let round = 0; round < WARM_UP; round++) await work()
  const before = { memory: process.memoryUsage().rss, descriptors: descriptors() }
  for (let round = 0; round < ROUNDS; round++) await work()
  const grown = process.memoryUsage().rss - before.memory
  const more = descriptors() - before.descriptors
  const right = grown < ALLOWED && more === 0
  console.log(
    `growth: ${Math.round(grown / 1024)} kB and ${more} descriptors in ${ROUNDS} rounds of 320 sockets and 6,000 messages: ${
      right ? 'none to speak of' : 'too much'
    }`,
  )
  process.exitCode = right ? 0 : 1
}

main()
