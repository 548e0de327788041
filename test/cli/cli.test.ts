import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { capabilities, type ReceiveInfoName, type SendField } from 'sendmsg'

const manifest = require.resolve('sendmsg/package.json')
const cli = path.join(path.dirname(manifest), 'dist', 'cli.js')
const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
const commands = ['capabilities', 'listen', 'send', 'demo']

type Json = ReturnType<typeof JSON.parse>

interface Result {
  code: number | null
  stdout: string
  stderr: string
}

function start(args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [cli, ...args])
}

async function finish(child: ChildProcessWithoutNullStreams): Promise<Result> {
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

async function run(args: string[], input: string | Buffer = ''): Promise<Result> {
  const child = start(args)
  child.stdin.end(input)
  return await finish(child)
}

const root = process.getuid?.() === 0
const noSignals = process.platform === 'win32' && 'a signal ends any process at once on Windows'
const noRaw = !(process.platform === 'linux' && root) && 'raw sockets need Linux and root here'

interface Listener {
  child: ChildProcessWithoutNullStreams
  port: number
  result: Promise<Result>
}

/** Starts `sendmsg listen` and waits until it says which port it has. */
async function listen(test: Test, args: string[]): Promise<Listener> {
  // Should less arrive than was expected, it ends with an error.
  const child = start(['listen', '--timeout', '20000', ...args])
  test.teardown(() => child.kill('SIGKILL'))
  const result = finish(child)
  const output = args.includes('--json') ? child.stderr : child.stdout
  for await (const line of createInterface({ input: output })) {
    const found = /^listening on .*?(?::(\d+))?$/.exec(line)
    if (found) return { child, port: Number(found[1]), result }
  }
  throw new Error(`it did not listen: ${JSON.stringify(await result)}`)
}

/** What the listener of `--json` printed, when it has ended by itself. */
async function received(test: Test, { result }: Listener): Promise<Json[]> {
  const { code, stdout, stderr } = await result
  test.equal(code, 0, `the listener ends well: ${stderr}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

async function sendWell(test: Test, args: string[], input?: string | Buffer): Promise<string> {
  const { code, stdout, stderr } = await run(['send', ...args], input)
  test.same([code, stderr], [0, ''], `send ${args.join(' ')}`)
  return stdout
}

type Family = 'IPv4' | 'IPv6'

/** Whether the kernel has all of it; says so if not. */
function supported(test: Test, family: Family, send: SendField[], receive: ReceiveInfoName[]): boolean {
  const found = capabilities()
  const lacking = [
    ...send.filter((field) => found.send[field][family] === false).map((field) => `sending ${field}`),
    ...receive.filter((field) => found.receive[field][family] === false).map((field) => `receiving ${field}`),
  ]
  if (lacking.length > 0) test.comment(`left out: no ${lacking.join(', ')} over ${family} on ${process.platform}`)
  return lacking.length === 0
}

async function canBind(address: string): Promise<boolean> {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4')
  try {
    socket.bind(0, address)
    await once(socket, 'listening')
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

const [loopbackName] =
  Object.entries(networkInterfaces()).find(([, list]) => list?.some(({ address }) => address === '127.0.0.1')) ?? []

// Each command that is run here is a process of its own.
t.setTimeout(120_000)

t.test('help and version', async (t) => {
  t.same(await run(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  const help = await run(['--help'])
  t.equal(help.code, 0)
  for (const command of commands) t.match(help.stdout, new RegExp(`^  ${command} `, 'm'), `it names ${command}`)
  for (const command of commands) {
    const { code, stdout, stderr } = await run([command, '--help'])
    t.same([code, stderr], [0, ''])
    t.match(stdout, new RegExp(`^Usage: sendmsg ${command}`))
    t.match(stdout, new RegExp(`Examples:\n  \\$ (sudo )?sendmsg ${command}`))
  }
})

t.test('capabilities', async (t) => {
  const found = capabilities()
  const json = await run(['capabilities', '--json'])
  t.same([json.code, json.stderr], [0, ''])
  t.same(JSON.parse(json.stdout), found)
  const table = await run(['capabilities'])
  t.same([table.code, table.stderr], [0, ''])
  t.notOk(table.stdout.includes('\u001b'), 'no colours in a pipe')
  const rows = new Map(
    table.stdout
      .split('\n')
      .filter((line) => line.startsWith('│'))
      .map((line) => line.split('│').map((cell) => cell.trim()))
      .map(([, name, ...cells]) => [name, cells.slice(0, -1)]),
  )
  const words = (support: { IPv4: string | false; IPv6: string | false } | undefined): string[] =>
    support ? [support.IPv4 || 'no', support.IPv6 || 'no'] : ['', '']
  for (const field of new Set([...Object.keys(found.send), ...Object.keys(found.receive)])) {
    const expected = [...words(found.send[field as SendField]), ...words(found.receive[field as ReceiveInfoName])]
    t.same(rows.get(field), expected, `the row of ${field}`)
  }
  for (const [flag, has] of Object.entries(found.flags)) t.same(rows.get(flag), [has ? 'yes' : 'no'])
  t.same(rows.get('datagrams in one segmented message'), [String(found.maxSegments)])
})

for (const { family, bound, address, source } of [
  { family: 'IPv4', bound: '0.0.0.0', address: '127.0.0.2', source: '127.0.0.3' },
  { family: 'IPv4', bound: '::', address: '127.0.0.2', source: '127.0.0.3' },
  { family: 'IPv6', bound: '::', address: '::1', source: '::1' },
] as const) {
  t.test(`every field that can be seen, ${family} to ${bound}`, async (t) => {
    for (const each of [bound, address, source]) {
      if (await canBind(each)) continue
      t.comment(`left out: ${each} is no address of this host`)
      return
    }
    const fields: ReceiveInfoName[] = [
      'destination',
      'interface',
      'cast',
      'trafficClass',
      'hopLimit',
      'timestamp',
      'control',
    ]
    if (!supported(t, family, ['source', 'interface', 'ecn', 'dscp', 'hopLimit'], fields)) return
    const listener = await listen(t, ['--address', bound, '--json', '--count', '2'])
    const base = [address, String(listener.port), 'hello', '--source', source]
    t.match(
      await sendWell(t, [
        ...base,
        '--ecn',
        '1',
        '--dscp',
        '10',
        '--hop-limit',
        '7',
        '--interface',
        String(loopbackName),
      ]),
      /^sent 1 datagram, 5 bytes in \d+\.\d+ s\n$/,
    )
    await sendWell(t, [...base, '--traffic-class', '0xb9', '--bind-port', '0'])
    const [first, second] = await received(t, listener)
    const expected = {
      address: source,
      family,
      size: 5,
      destination: address,
      interfaceName: loopbackName,
      cast: 'unicast',
      trafficClass: 41,
      ecn: 1,
      dscp: 10,
      hopLimit: 7,
      truncated: false,
      controlTruncated: false,
      data: Buffer.from('hello').toString('base64'),
      text: 'hello',
    }
    t.match(first, expected)
    t.ok(first.port > 0 && Number.isInteger(first.interface))
    t.match(first.timestamp, /^\d{19}$/, 'the timestamp is nanoseconds in a string')
    const nanoseconds =
      BigInt(Date.parse(`${first.time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(first.time.slice(20, 29))
    t.equal(String(nanoseconds), first.timestamp, 'and the same as a date')
    t.ok(first.control.length > 0 && first.control.every(({ data }: { data: string }) => /^([\da-f]{2})*$/.test(data)))
    t.match(second, { ...expected, trafficClass: 0xb9, ecn: 1, dscp: 46, hopLimit: Number })
  })
}

t.test('fields that only the sender can see are sent', async (t) => {
  const cases: { fields: SendField[]; args: string[] }[] = [
    { fields: ['dontFragment'], args: ['--dont-fragment'] },
    { fields: ['dontFragment'], args: ['--may-fragment'] },
    { fields: ['sendTime'], args: ['--send-time', '+1us'] },
    { fields: ['sendTime'], args: ['--send-time', '1'] },
  ]
  const { flags } = capabilities()
  if (flags.dontRoute) cases.push({ fields: [], args: ['--dont-route'] })
  if (flags.confirm) cases.push({ fields: [], args: ['--confirm'] })
  cases.push({ fields: [], args: ['--connect'] }, { fields: [], args: ['--bind', '127.0.0.1', '--type', 'udp4'] })
  const possible = cases.filter(({ fields }) => supported(t, 'IPv4', fields, []))
  const listener = await listen(t, ['--address', '127.0.0.1', '--json', '--count', String(possible.length)])
  for (const { args } of possible)
    await sendWell(t, ['127.0.0.1', String(listener.port), `with ${args.join(' ')}`, ...args])
  t.same(
    (await received(t, listener)).map(({ text }) => text),
    possible.map(({ args }) => `with ${args.join(' ')}`),
  )
})

t.test(
  'raw control messages',
  { skip: process.platform !== 'linux' && 'the numbers are those of Linux' },
  async (t) => {
    const listener = await listen(t, ['--address', '127.0.0.1', '--json', '--count', '1'])
    // IPPROTO_IP, IP_TOS and IPPROTO_IP, IP_TTL.
    const control = ['--control', '0:1:02', '--control', '0:2:09000000']
    await sendWell(t, ['127.0.0.1', String(listener.port), 'x', ...control])
    const [message] = await received(t, listener)
    t.match(message, { ecn: 2, hopLimit: 9 })
    t.ok(message.control.some((each: object) => JSON.stringify(each) === '{"level":0,"type":1,"data":"02"}'))
  },
)

t.test('where the data comes from', async (t) => {
  const directory = t.testdir({ first: 'fir', second: 'st' })
  const binary = path.join(directory, 'binary')
  writeFileSync(binary, Buffer.from([0, 1, 0xff]))
  const listener = await listen(t, ['--address', '127.0.0.1', '--json', '--count', '10'])
  const to = ['127.0.0.1', String(listener.port)]
  await sendWell(t, to, 'from stdin\n')
  await sendWell(t, to, '')
  t.match(await sendWell(t, [...to, '--lines'], 'one\ntwo\r\n\nfour'), /^sent 4 datagrams, 10 bytes /)
  await sendWell(t, [
    ...to,
    '--data-file',
    path.join(directory, 'first'),
    '--data-file',
    path.join(directory, 'second'),
  ])
  await sendWell(t, [...to, '--data-file', binary])
  await sendWell(t, [...to, '--hex', '00 01fF'])
  await sendWell(t, ['localhost', String(listener.port), 'by name', '--type', 'udp4'])
  const messages = await received(t, listener)
  const data = messages.map(({ data }) => Buffer.from(data, 'base64').toString('latin1'))
  t.same(data, ['from stdin\n', '', 'one', 'two', '', 'four', 'first', '\0\x01\xff', '\0\x01\xff', 'by name'])
  t.equal(messages[0].text, 'from stdin\n')
  t.notOk('text' in messages[7], 'what is not printable is not given as text')
})

t.test('many messages, and trains', async (t) => {
  const listener = await listen(t, ['--address', '127.0.0.1', '--json', '--count', '34'])
  const to = ['127.0.0.1', String(listener.port)]
  t.match(await sendWell(t, [...to, 'ab', '--count', '5', '--interval', '1']), /^sent 5 datagrams, 10 bytes /)
  t.match(await sendWell(t, [...to, 'abc', '--count', '20', '--batch', '8']), /^sent 20 datagrams, 60 bytes /)
  const train = await sendWell(t, [...to, '--segment-size', '1200', '--json'], Buffer.alloc(10_000, 'x'))
  t.match(JSON.parse(train), { sent: { datagrams: 9, bytes: 10_000, seconds: Number } })
  const sizes = (await received(t, listener)).map(({ size }) => size)
  t.same(sizes, [...Array(5).fill(2), ...Array(20).fill(3), ...Array(8).fill(1200), 400])
})

t.test('trains are printed whole with --coalesce', async (t) => {
  if (!supported(t, 'IPv4', ['segmentSize'], ['segmentSize'])) return
  const listener = await listen(t, ['--address', '127.0.0.1', '--json', '--count', '1', '--coalesce'])
  await sendWell(t, ['127.0.0.1', String(listener.port), '--segment-size', '1200'], Buffer.alloc(5000))
  t.match(await received(t, listener), [{ size: 5000, segmentSize: 1200 }])
})

t.test('the block to read', async (t) => {
  const listener = await listen(t, ['--address', '127.0.0.1', '--count', '3', '--show', '20'])
  const to = ['127.0.0.1', String(listener.port)]
  await sendWell(t, [...to, 'two\nlines', '--ecn', '3'])
  await sendWell(t, [...to, '--hex', '000102030405060708090a0b0c0d0e0f41'])
  await sendWell(t, [...to, 'x'.repeat(50)])
  const { code, stdout, stderr } = await listener.result
  t.same([code, stderr], [0, ''])
  t.notOk(stdout.includes('\u001b'), 'no colours in a pipe')
  const lines = stdout.split('\n')
  t.equal(lines[0], `listening on udp 127.0.0.1:${listener.port}`, 'the first line says where')
  t.match(lines[1], /^#1 {2}127\.0\.0\.1:\d+ → 127\.0\.0\.1 {2}9 bytes/)
  t.match(stdout, /^ +interface \d+ \(.*\) {2}unicast {2}traffic class 0x03 {2}dscp 0 {2}ecn 3 CE/m)
  t.match(stdout, '\n    two\n    lines\n')
  t.match(stdout, '    0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................\n    0010  41 ')
  t.match(stdout, `\n    ${'x'.repeat(20)}\n    … 30 more bytes\n`)
})

t.test('--info asks for what it names, beside what replyTo needs', async (t) => {
  const usual = ['destination', 'interface', 'cast', 'trafficClass']
  for (const [info, told] of [
    ['hopLimit', [...usual, 'hopLimit']],
    ['dropped', [...usual, 'dropped']],
    ['none', []],
  ] as const) {
    const listener = await listen(t, ['--address', '127.0.0.1', '--json', '--count', '1', '--info', info])
    await sendWell(t, ['127.0.0.1', String(listener.port), 'x'])
    const [message] = await received(t, listener)
    for (const name of [...usual, 'hopLimit', 'timestamp', 'dropped', 'control']) {
      t.equal(name in message, (told as readonly string[]).includes(name), `--info ${info}: ${name}`)
    }
  }
  for (const other of ['--echo', '--coalesce']) {
    const { code, stderr } = await run(['listen', '--info', 'none', other])
    t.equal(code, 2)
    t.match(stderr, `sendmsg: ${other} needs the`)
  }
})

t.test('echo answers from the address that was asked', async (t) => {
  const addresses: string[] = []
  for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) if (await canBind(address)) addresses.push(address)
  for (const bound of ['0.0.0.0', '::']) {
    if (!(await canBind(bound))) {
      t.comment(`left out: ${bound} can't be bound`)
      continue
    }
    const listener = await listen(t, ['--address', bound, '--echo', '--count', String(addresses.length + 1)])
    for (const address of addresses) {
      const client = dgram.createSocket('udp4')
      client.send(`to ${address}`, listener.port, address)
      const [data, { address: from }] = await once(client, 'message', { signal: AbortSignal.timeout(5000) })
      client.close()
      t.same([String(data), from], [`to ${address}`, address], `${address} of ${bound}`)
    }
    const last = addresses.at(-1) ?? ''
    const [answer] = (await sendWell(t, [last, String(listener.port), 'ping', '--wait', '2000', '--json']))
      .split('\n')
      .filter((line) => line.includes('"address"'))
    t.match(JSON.parse(String(answer)), { address: last, port: listener.port, text: 'ping' }, 'send --wait prints it')
    t.equal((await listener.result).code, 0)
  }
})

t.test('signals end a listener well', { skip: noSignals }, async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const listener = await listen(t, ['--address', '127.0.0.1'])
    listener.child.kill(signal)
    t.match(await listener.result, { code: 0, stderr: '' }, signal)
  }
})

t.test('signals end a sender that waits for stdin or for the next message', { skip: noSignals }, async (t) => {
  const listener = await listen(t, ['--address', '127.0.0.1', '--json', '--count', '2'])
  const to = ['127.0.0.1', String(listener.port)]
  const repeated = start(['send', ...to, 'again', '--count', '2', '--interval', '600000'])
  const reading = start(['send', ...to, '--lines'])
  reading.stdin.write('a line\n')
  // Both have sent one when the listener ends.
  t.equal((await received(t, listener)).length, 2)
  const results = [finish(repeated), finish(reading)]
  repeated.kill('SIGINT')
  reading.kill('SIGTERM')
  const [first, second] = await Promise.all(results)
  t.match(first, { code: 130, stdout: /^sent 1 datagram, 5 bytes / })
  t.match(second, { code: 143, stdout: /^sent 1 datagram, 6 bytes / })
})

t.test('raw sockets', { skip: noRaw }, async (t) => {
  // 253 is for experiments (RFC 3692).
  const listener = await listen(t, ['--type', 'raw4', '--protocol', '253', '--json', '--count', '1'])
  await sendWell(t, ['127.0.0.2', 'payload', '--type', 'raw4', '--protocol', '253', '--source', '127.0.0.3'])
  t.match(await received(t, listener), [{ address: '127.0.0.3', port: 0, destination: '127.0.0.2', text: 'payload' }])
  const echo = ['--type', 'raw4', '--protocol', '1', '--hex', '0800f7fd00010001', '--wait', '1000', '--json']
  const answers = (await sendWell(t, ['127.0.0.1', ...echo]))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const payloads = answers.filter(({ data }) => data).map(({ data }) => Buffer.from(data, 'base64').toString('hex'))
  t.ok(payloads.includes('0000fffd00010001'), 'the kernel answers an ICMP echo request')
})

t.test('errors of users are one line and exit code 2', async (t) => {
  const busy = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(busy, 'listening')
  t.teardown(() => busy.close())
  const to = ['send', '127.0.0.1', '9', 'x']
  const cases: [string[], RegExp][] = [
    [['nonsense'], /unknown command 'nonsense'/],
    [['capabilities', '--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/],
    [['listen', '70000'], /70000.*0 to 65535/],
    [['listen', 'x'], /whole number/],
    [['listen', '0', 'more'], /too many arguments/],
    [['listen', '--type', 'tcp4'], /udp4, udp6, raw4, raw6/],
    [['listen', '--info', 'destination,colour'], /Unknown field 'colour'/],
    [['listen', '--type', 'raw4'], /--protocol/],
    [['listen', '5', '--type', 'raw4', '--protocol', '1'], /no port/],
    [['listen', '--echo', '--type', 'raw4', '--protocol', '1'], /--echo/],
    [['listen', '--protocol', '1'], /--protocol is for raw sockets/],
    [['listen', '--ipv6-only', '--type', 'udp4'], /--ipv6-only/],
    [['listen', String(busy.address().port), '--address', '127.0.0.1'], /EADDRINUSE.*in use/],
    [['listen', '--address', '192.0.2.1'], /EADDRNOTAVAIL/],
    [['listen', '--address', '127.0.0.1', '--count', '1', '--timeout', '1'], /timed out after 0 of 1/],
    [['send'], /missing required argument 'address'/],
    [['send', '127.0.0.1'], /port is missing/],
    [['send', '127.0.0.1', '0', 'x'], /'0' is not a port/],
    [['send', '127.0.0.1', 'x', 'x'], /'x' is not a port/],
    // No label is that long, so that no resolver is asked.
    [['send', `${'x'.repeat(64)}.invalid`, '9', 'x'], /ENOTFOUND.*xxx\.invalid/],
    [['send', '127.0.0.1', 'x', '--type', 'raw4'], /--protocol/],
    [[...to, '--protocol', '1'], /--protocol is for raw sockets/],
    [[...to, '--source', 'nonsense'], /source/],
    [[...to, '--source', '::1'], /source/],
    [[...to, '--interface', 'nonsense0'], /nonsense0/],
    [[...to, '--ecn', '4'], /0 to 3/],
    [[...to, '--dscp', '-1'], /0 to 63/],
    [[...to, '--hop-limit', '0'], /1 to 255/],
    [[...to, '--traffic-class', '3', '--ecn', '1'], /cannot be used with/],
    [[...to, '--dont-fragment', '--may-fragment'], /cannot be used with/],
    [[...to, '--segment-size', '65536'], /1 to 65535/],
    [[...to, '--send-time', 'soon'], /nanoseconds/],
    [[...to, '--control', '1:2'], /level:type:hex/],
    [[...to, '--control', '1:2:abc'], /level:type:hex/],
    [[...to, '--lines'], /--lines is for data from stdin/],
    [[...to, '--data-file', cli], /given twice/],
    [[...to, '--hex'], /hexadecimal/],
    [['send', '127.0.0.1', '9', '--lines', '--count', '2'], /cannot be used with/],
    [['send', '127.0.0.1', '9', '--data-file', path.join(t.testdirName, 'none')], /ENOENT/],
    [['send', '127.0.0.1', '9', '--data-file', cli], /EMSGSIZE/],
    [['demo', '--port', '65535'], /65532/],
  ]
  const { flags } = capabilities()
  for (const flag of ['partial', 'oob'] as const) {
    if (!flags[flag]) cases.push([[...to, `--${flag}`], new RegExp(`ENOTSUP.*${flag}`)])
  }
  if (root) {
    t.comment('left out: EACCES, root may bind any port and open raw sockets')
  } else {
    cases.push([['listen', '--type', 'raw4', '--protocol', '1'], /EPERM|EACCES/])
  }
  // A few at a time, as each starts a process.
  const left = cases.values()
  const check = async (): Promise<void> => {
    for (const [args, message] of left) {
      const { code, stdout, stderr } = await run(args)
      t.equal(code, 2, args.join(' '))
      t.match(stderr, /^sendmsg: [^\n]+\n$/, 'one line')
      t.match(stderr, message)
      t.equal(stdout.replace(/^listening on .*\n/, ''), '')
    }
  }
  await Promise.all([check(), check(), check(), check()])
  if (!flags.oob) t.equal((await run([...to, '--oob', '--ignore-unsupported'])).code, 0, '--ignore-unsupported sends')
})

t.test('a refused connection is told', async (t) => {
  const closed = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address()
  closed.close()
  await once(closed, 'close')
  const { code, stdout, stderr } = await run(['send', '127.0.0.1', String(port), 'x', '--connect', '--wait', '20000'])
  t.match({ code, stdout, stderr }, { code: 2, stdout: /^sent 1 datagram/, stderr: /^sendmsg: .*ECONNREFUSED.*\n$/ })
})

t.test('a flood can be interrupted', { skip: noSignals }, async (t) => {
  const listener = await listen(t, ['--address', '127.0.0.1'])
  const sender = start(['send', '127.0.0.1', String(listener.port), 'x', '--count', '1000000000'])
  t.teardown(() => sender.kill('SIGKILL'))
  const sent = finish(sender)
  await once(listener.child.stdout, 'data')
  listener.child.kill('SIGINT')
  t.match(await listener.result, { code: 0, stderr: '' })
  sender.kill('SIGTERM')
  t.match(await sent, { code: 143, stdout: /^sent \d+ datagrams, \d+ bytes in / })
})

t.test('a reader that goes early is no error', async (t) => {
  const child = start(['capabilities', '--json'])
  child.stdout.destroy()
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
})

t.test('demo', async (t) => {
  const { code, stdout, stderr } = await run(['demo'])
  t.same([code, stderr], [0, ''], stdout)
  const rows = stdout
    .split('\n')
    .filter((line) => /^│ (0\.0\.0\.0|::) /.test(line))
    .map((line) =>
      line
        .split('│')
        .map((cell) => cell.trim())
        .slice(1, -1),
    )
  const summary = /^sendmsg: (\d+) of (\d+) answers right; node:dgram: (\d+) of (\d+) answers right$/m.exec(stdout)
  t.same(summary?.slice(1, 3), [String(rows.length), String(rows.length)])
  const withDig = !stdout.includes('dig is not installed')
  t.comment(withDig ? 'dig asked, too' : 'left out: dig is not installed')
  for (const [bound, asked, from, verdict, dig] of rows) {
    t.same([from, verdict], [asked, 'right'], `${bound} asked at ${asked}`)
    if (withDig) t.equal(dig, 'answer')
  }
  for (const [bound, addresses] of [
    ['0.0.0.0', ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']],
    ['::', ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '::1']],
  ] as const) {
    for (const address of addresses) {
      const possible = (await canBind(bound)) && (await canBind(address))
      const row = rows.find((cells) => cells[0] === bound && cells[1] === address)
      t.equal(row !== undefined, possible, `${address} of ${bound} is ${possible ? 'asked' : 'left out'}`)
      if (!possible) t.match(stdout, 'left out', 'with a reason')
    }
  }
  if (process.platform === 'linux') {
    const wrong = rows.find((cells) => cells[0] === '0.0.0.0' && cells[1] === '127.0.0.2')
    t.ok(wrong?.includes('wrong'), 'node:dgram answers 127.0.0.2 from elsewhere')
  }
})
