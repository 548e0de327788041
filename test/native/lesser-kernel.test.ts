// What a kernel's tables do not have is refused by the name that the program gave it. No kernel at hand lacks it: the tables
// are made to.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import t from 'tap'

const ECN = 0x03

/** The codes and messages that each expression throws or rejects with, on a kernel whose tables lack `lacks`. */
function refusals(lacks: object, expressions: readonly string[]): Record<string, string> {
  const script = `
    const { createSocket } = require('sendmsg')
    const bound = (type, options) => {
      const socket = createSocket({ type, ...options })
      socket.bindSync()
      return socket
    }
    const to = { data: Buffer.from('x'), address: '127.0.0.1', port: 9 }
    const found = {}
    for (const expression of ${JSON.stringify(expressions)}) {
      try {
        const made = eval(expression)
        found[expression] = typeof made === 'object' && made.offload ? 'coalescing: ' + made.offload.coalescing : String(made)
        made?.close?.()
      } catch (error) {
        found[expression] = error.code + ': ' + error.message
      }
    }
    console.log(JSON.stringify(found))
    process.exit()`
  const lesser = path.join(__dirname, 'lesser-kernel.cjs')
  const { stdout, stderr } = spawnSync(process.execPath, ['--require', lesser, '--eval', script], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', LESSER_KERNEL: JSON.stringify(lacks) },
  })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

const isRefused = (name: string, syscall = 'sendmsg'): string =>
  `ENOTSUP: ${syscall} ENOTSUP: ${name} is not supported on ${process.platform}`

t.test('the traffic class of a message, by what was given', async (t) => {
  const send = (fields: string, options = ''): string => `bound('udp4', {${options}}).trySendmsg({ ...to, ${fields} })`
  const expected = {
    [send('ecn: 1')]: isRefused('ecn'),
    [send('dscp: 1')]: isRefused('dscp'),
    [send('trafficClass: 1')]: isRefused('trafficClass'),
    [send('ecn: 1, dscp: 1')]: isRefused('dscp'),
    [send('ecn: 1', "unsupported: 'ignore'")]: '1',
  }
  const found = refusals({ send: ['trafficClass'], emulated: ['trafficClass'] }, Object.keys(expected))
  for (const [expression, error] of Object.entries(expected)) {
    t.equal(found[expression]?.replace(/ for IPv4$/, ''), error, expression)
  }
})

t.test('options of createSocket', async (t) => {
  const create = (given: string): string => `createSocket({ type: 'udp4', ${given} })`
  const lacks = {
    receive: ['segmentSize', 'timestamp', 'dropped'],
    options: ['dontFragment', 'sendTime', 'receiveErrors'],
    toldClass: 0xff & ~ECN,
  }
  const expected = {
    [create('coalesce: true')]: isRefused('coalesce', 'recvmsg'),
    [create("receiveInfo: ['segmentSize']")]: isRefused('segmentSize', 'recvmsg'),
    [create("receiveInfo: ['destination', 'timestamp']")]: isRefused('timestamp', 'recvmsg'),
    [create("receiveInfo: ['dropped']")]: isRefused('dropped', 'recvmsg'),
    [create("receiveInfo: ['dropped'], unsupported: 'ignore'")]: 'coalescing: false',
    [create("receiveInfo: ['dscp']")]: isRefused('dscp', 'recvmsg'),
    [create("receiveInfo: ['trafficClass']")]: isRefused('trafficClass', 'recvmsg'),
    [create("receiveInfo: ['ecn', 'control']")]: 'coalescing: false',
    [create('dontFragment: false')]: isRefused('dontFragment', 'setsockopt'),
    [create('sendTime: true')]: isRefused('sendTime', 'setsockopt'),
    [create('receiveErrors: true')]: isRefused('receiveErrors', 'setsockopt'),
    [create('sendTime: false, receiveErrors: false, coalesce: false')]: 'coalescing: false',
    [create("coalesce: true, receiveInfo: ['dscp'], sendTime: true, unsupported: 'ignore'")]: 'coalescing: false',
    "createSocket('udp6')": 'coalescing: false',
  }
  const found = refusals(lacks, Object.keys(expected))
  for (const [expression, error] of Object.entries(expected)) t.equal(found[expression], error, expression)
})
