// A bind({ fd }) that is refused leaves somebody else's socket as it was: its options, its flags, its place in an event loop.
import path from 'node:path'
import t, { type Test } from 'tap'
import { isLocal } from '../helpers/sockets'
import { noInjection, Steps } from '../helpers/steps'

const SPARE = 30
const MOST_OPTIONS = 20
const lend = path.resolve('test/witness/lend_descriptors.py')
const helper = JSON.stringify(require.resolve('../helpers/descriptors.cjs'))

/** What a socket is that was refused, as Python reads it, and its flags. */
const witness = `
import fcntl, json, os, socket, struct
lent = socket.socket(fileno=3)
options = [(1, 7), (1, 8), (1, 29), (1, 35), (1, 40), (17, 104), (0, 8), (0, 13), (0, 12), (0, 11), (0, 10), (0, 1)]
if lent.family == socket.AF_INET6:
    options += [(41, 49), (41, 66), (41, 51), (41, 25), (41, 23), (41, 62), (41, 67)]
found = {str(option): lent.getsockopt(*option) for option in options}
found["SO_TXTIME"] = lent.getsockopt(1, 61, 8).hex()
found["nonblocking"] = fcntl.fcntl(3, fcntl.F_GETFL) & os.O_NONBLOCK
print(json.dumps(found))`

/** Other than what sockets begin with, so that nothing is right by chance. */
const unusual = `
import socket
lent = socket.socket(fileno=3)
for option in [(1, 8, 50000), (1, 7, 60000), (1, 29, 1), (17, 104, 1), (0, 12, 1), (0, 10, 0), (0, 11, 1)]:
    lent.setsockopt(*option)
lent.detach()`

const common = `
  const { spawnSync } = require('node:child_process')
  const { createSocket } = require('sendmsg')
  const { countSockets, flagsOf } = require(${helper})
  const lent = JSON.parse(process.env.DESCRIPTORS)
  const python = (script, fd) => {
    const { stdout, stderr } = spawnSync('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe', fd], encoding: 'utf8' })
    if (stderr !== '') throw new Error(stderr)
    return stdout
  }
  const snapshot = (fd) => ({ ...JSON.parse(python(${JSON.stringify(witness)}, fd)), flags: flagsOf(fd) })
  const everything = {
    receiveInfo: ['destination', 'interface', 'trafficClass', 'hopLimit', 'timestamp', 'dropped', 'segmentSize'],
    receiveErrors: true, dontFragment: true, recvBufferSize: 20000, sendBufferSize: 30000, sendTime: true,
  }
`

const snapshot = async (process: Steps, name: string): Promise<unknown> =>
  await process.run(`${common} return snapshot(lent[${JSON.stringify(name)}].fd)`)

/** Refused as `step` says, of a socket with these options; it can be bound by name and by descriptor afterwards. */
async function refused(
  test: Test,
  process: Steps,
  [name, type, options]: [name: string, type: string, options: string],
  expected: object,
  title: string,
  rule?: string,
): Promise<void> {
  const before = await snapshot(process, name)
  const step = `
    ${common}
    const sockets = countSockets()
    const socket = createSocket({ type: '${type}', ...${options} })
    try {
      socket.bind({ fd: lent['${name}'].fd })
      return { taken: true }
    } catch ({ code, syscall }) {
      return { code, syscall, sockets: countSockets() - sockets }
    } finally {
      socket.close()
    }`
  const outcome = await (rule === undefined ? process.run(step) : process.failing(rule, step))
  test.match(outcome, { ...expected, sockets: 0 }, title)
  test.same(await snapshot(process, name), before, `${title}: as before`)
}

async function start(test: Test, family: 'udp4' | 'udp6'): Promise<Steps> {
  const other = family === 'udp4' ? 'udp6' : 'udp4'
  const kinds: Record<string, string> = { tcp: 'tcp', ...(isLocal('::1') && { other }) }
  for (let spare = 0; spare < SPARE; spare++) kinds[`spare${spare}`] = family
  const process = new Steps(test, ['python3', lend, JSON.stringify(kinds)])
  await process.run(`
    ${common}
    require('sendmsg').capabilities()
    for (const [name, { fd }] of Object.entries(lent)) {
      if (name !== 'tcp') python(${JSON.stringify(unusual)}, fd)
    }`)
  return process
}

for (const family of ['udp4', 'udp6'] as const) {
  const skip = noInjection || (family === 'udp6' && !isLocal('::1') && 'there is no IPv6 here')
  t.test(family, { skip }, async (t) => {
    const process = await start(t, family)
    let spare = 0

    await t.test('a socket of another kind', async (t) => {
      const code = { code: 'ERR_INVALID_ARG_VALUE' }
      if (isLocal('::1')) await refused(t, process, ['other', family, 'everything'], code, 'of another family')
      const tcp = await process.run(`
        ${common}
        const { fd } = lent.tcp
        const before = flagsOf(fd)
        const socket = createSocket({ type: '${family}', ...everything })
        try { socket.bind({ fd }) } catch ({ code }) { return { code, same: flagsOf(fd) === before } } finally { socket.close() }`)
      t.same(tcp, { code: 'ERR_INVALID_FD_TYPE', same: true })
    })

    await t.test('one that this thread watches', async (t) => {
      const mine = `spare${spare++}`
      const heard = `
        const heard = new Promise((resolve) => state.theirs.once('message', (data) => resolve(data.length)))
        const sender = createSocket('${family}')
        const { address, port } = state.theirs.address()
        // Three datagrams, which coalesced would be one.
        sender.trySendmsg({ data: Buffer.alloc(3000), segmentSize: 1000, address, port })
        sender.close()`
      await process.run(`
        ${common}
        state.theirs = require('node:dgram').createSocket('${family}').bind({ fd: lent.${mine}.fd })
        python('import socket; one = socket.socket(fileno=3); one.setsockopt(17, 104, 0); one.detach()', lent.${mine}.fd)`)
      await refused(t, process, [mine, family, 'everything'], { code: 'EEXIST', syscall: 'open' }, 'by dgram')
      t.equal(
        await process.run(`${common} ${heard}
        return await heard`),
        1000,
        'it receives as before',
      )
      await process.run('await new Promise((resolve) => state.theirs.close(resolve))')
    })

    await t.test('each option that can fail', async (t) => {
      const codes: string[] = []
      // There are 10, on an IPv6 socket more: those of IPv4, which can be missing.
      for (let option = 1; option <= MOST_OPTIONS; option++) {
        const name = `spare${spare++}`
        const before = await snapshot(process, name)
        const code = await process.failing(
          `setsockopt:error=EPERM:when=${option}`,
          `${common}
          const socket = createSocket({ type: '${family}', ...everything })
          try {
            socket.bind({ fd: lent.${name}.fd })
          } catch ({ code }) {
            return code
          } finally {
            socket.close()
          }`,
        )
        if (code === null) continue
        codes.push(code)
        t.same(await snapshot(process, name), before, `${code} of option ${option}: as before`)
      }
      t.same([...new Set(codes)].sort(), ['EPERM'])
      t.ok(codes.length > 6, `${codes.length} times`)
    })

    await t.test('what makes it our own', async (t) => {
      const without = '{ ...everything, sendTime: undefined }' // which cannot be taken back
      const name = `spare${spare++}`
      for (const call of ['epoll_ctl:error=ENOSPC:when=1', 'fcntl:error=EPERM:when=3', 'fcntl:error=EPERM:when=4']) {
        const code = call.includes('ENOSPC') ? 'ENOSPC' : 'EPERM'
        await refused(t, process, [name, family, without], { code, syscall: 'open' }, call, call)
      }
      const taken = await process.run(`
        ${common}
        const { fd } = lent.${name}
        const socket = createSocket({ type: '${family}', ...everything })
        socket.setBroadcast(true) // it has a descriptor of its own by now
        const sockets = countSockets()
        socket.bind({ fd })
        const one = countSockets() === sockets - 1
        const found = snapshot(fd)
        const { offload } = socket
        socket.close()
        return { one, found, offload, gone: countSockets() === sockets - 2 }`)
      t.match(taken, {
        one: true,
        gone: true,
        offload: { coalescing: true },
        found: { '(1, 35)': 1, '(17, 104)': 1, '(0, 10)': 3, nonblocking: 2048 },
      })
    })
  })
}
