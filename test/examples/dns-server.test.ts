// examples/dns-server.ts, asked by dig and kdig: both take an answer only from the address that they asked.

import * as dnsPacket from 'dns-packet'
import type { OptAnswer } from 'dns-packet'
import { build } from 'esbuild'
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { answer } from '../../examples/answer'
import { readZone } from '../../examples/zone'

const EXAMPLES = resolve('examples')
const ZONE = join(EXAMPLES, 'example.zone')

/** A second zone: long answers, and the inner zone of two. */
const BIG_ZONE = `
$ORIGIN big.example.org.
$TTL 60
@ SOA ns.example.org. john\\.doe.example.org. 1 2 3 4 5
  NS ns.example.org.
huge TXT ${Array.from({ length: 30 }, (_, index) => `"${String(index).repeat(2)}${'x'.repeat(196)}"`).join(' ')}
many TXT ${Array.from({ length: 15 }, (_, index) => `"${String(index).repeat(2)}${'x'.repeat(196)}"`).join(' ')}
`

const ipv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
// All of 127.0.0.0/8 is local there; other systems have 127.0.0.1 alone.
const loopback = ['linux', 'win32'].includes(process.platform)
  ? ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
  : ['127.0.0.1']

let bundle = ''
let bigZone = ''

t.before(async () => {
  const directory = t.testdir({ 'big.zone': BIG_ZONE, 'example.zone': readFileSync(ZONE) })
  bigZone = join(directory, 'big.zone')
  bundle = join(directory, 'dns-server.cjs')
  await build({
    entryPoints: [join(EXAMPLES, 'dns-server.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    packages: 'external',
    logLevel: 'warning',
  })
})

interface Server {
  port: number
  listening: string
  process: ChildProcess
  errors: () => string
}

/** Starts the server on a free port; it is ended with the test, and must then have written what `errors` says. */
async function start(t: Test, address: string | undefined, ...more: string[]): Promise<Server> {
  const where = address === undefined ? [] : ['--address', address]
  const zones = ['--zone', ZONE, '--zone', bigZone]
  const child = spawn(process.execPath, [bundle, ...where, '--port', '0', ...zones, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exit
  })
  const [listening] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exit.then(() => Promise.reject(new Error(`the server ended: ${errors}`))),
  ])) as [string]
  const port = Number(/:(\d+)$/.exec(listening)?.[1])
  return { port, listening, process: child, errors: () => errors }
}

interface Answer {
  exit: number
  status: string | undefined
  flags: string[]
  question: string | undefined
  answer: string[]
  authority: string[]
  additional: string[]
  from: string | undefined
  bytes: number
  text: string
}

type Tool = 'dig' | 'kdig'
const ARGUMENTS: Record<Tool, string[]> = {
  dig: ['-r', '+tries=1', '+timeout=1', '+ignore'],
  kdig: ['+retry=0', '+timeout=1', '+ignore'],
}

const missing = (tool: string) => (spawnSync(tool, ['-h']).error === undefined ? false : `${tool} is not installed`)

/** Asks with an outside tool and reads what it prints; dig and kdig differ in punctuation alone. */
function ask(tool: Tool, server: Server, at: string, ...question: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const parameters = [...ARGUMENTS[tool], '-p', String(server.port), `@${at}`, ...question]
    const child = execFile(tool, parameters, { maxBuffer: 1 << 20 }, (_, text) => {
      const section = (name: string): string[] => {
        const lines = new RegExp(`^;; ${name} SECTION:\n((?:.+\n)*)`, 'm').exec(text)?.[1] ?? ''
        return lines.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/\s+/g, ' ')]))
      }
      resolve({
        exit: child.exitCode ?? -1,
        status: /status: (\w+)/.exec(text)?.[1],
        flags: /^;; flags: ([^;]*);/im.exec(text)?.[1]?.split(' ') ?? [],
        question: section('QUESTION')[0]?.replace(/^;; ?|^;/, ''),
        answer: section('ANSWER'),
        authority: section('AUTHORITY'),
        additional: section('ADDITIONAL'),
        from: /^;; SERVER: ([^#]+)#/m.exec(text)?.[1] ?? /^;; From ([^@]+)@/m.exec(text)?.[1],
        bytes: Number(/MSG SIZE\s+rcvd: (\d+)/.exec(text)?.[1] ?? /Received (\d+) B/.exec(text)?.[1]),
        text,
      })
    })
  })
}

const SOA = 'example.org. 300 IN SOA ns1.example.org. hostmaster.example.org. 2024010101 7200 900 1209600 300'

for (const tool of ['dig', 'kdig'] as const) {
  const skip = missing(tool)

  t.test(`${tool}: each answer comes from the address that was asked`, { skip }, async (t) => {
    const servers: { address: string | undefined; at: string[] }[] = [{ address: '0.0.0.0', at: loopback }]
    if (ipv6)
      servers.push({ address: '::', at: ['::1', ...loopback] }, { address: undefined, at: ['::1', ...loopback] })
    else t.comment('this host has no ::1: the dual-stack server is not asked')
    for (const { address, at } of servers) {
      const server = await start(t, address)
      const answers = await Promise.all(at.map((one) => ask(tool, server, one, 'ns1.example.org', 'A')))
      for (const [index, got] of answers.entries()) {
        t.equal(got.exit, 0, `${address ?? 'default'}: ${at[index]} answered`)
        t.equal(got.from, at[index], 'from there')
        t.strictSame(got.answer, ['ns1.example.org. 3600 IN A 192.0.2.1'])
      }
      t.equal(server.errors(), '')
    }
  })

  t.test(`${tool}: answers`, { skip }, async (t) => {
    const server = await start(t, '0.0.0.0')
    const get = (...question: string[]) => ask(tool, server, '127.0.0.1', ...question)

    const a = await get('www.example.org', 'A')
    t.equal(a.status, 'NOERROR')
    t.ok(a.flags.includes('aa'), 'authoritative')
    t.notOk(a.flags.includes('ra'), 'offers no recursion')
    t.strictSame(a.answer, ['www.example.org. 300 IN A 192.0.2.80', 'www.example.org. 300 IN A 192.0.2.81'])
    t.strictSame(a.authority, [])
    t.strictSame((await get('www.example.org', 'AAAA')).answer, ['www.example.org. 3600 IN AAAA 2001:db8::80'])
    t.strictSame((await get('text.example.org', 'TXT')).answer, [
      'text.example.org. 3600 IN TXT "two strings;" "with a semicolon and a \\"quote\\""',
    ])
    t.strictSame((await get('example.org', 'SOA')).answer, [SOA.replace(' 300 ', ' 3600 ')])
    t.strictSame((await get('example.org', 'MX')).answer, ['example.org. 3600 IN MX 10 mail.example.org.'])
    t.equal((await get('example.org', 'NS')).answer.length, 2)
    t.equal((await get('example.org', 'ANY', '+notcp')).answer.length, 1, 'ANY: one set (RFC 8482)')
    t.match((await get('big.example.org', 'SOA')).answer, [/ john\\\.doe\.example\.org\. /])

    t.strictSame((await get('dual.example.org', 'AAAA')).answer, [
      'dual.example.org. 3600 IN CNAME web.example.org.',
      'web.example.org. 3600 IN CNAME www.example.org.',
      'www.example.org. 3600 IN AAAA 2001:db8::80',
    ])
    t.strictSame((await get('web.example.org', 'CNAME')).answer.length, 1)
    t.strictSame((await get('x.y.wild.example.org', 'A')).answer, ['x.y.wild.example.org. 3600 IN A 192.0.2.99'])

    const mixed = await get('WwW.eXaMpLe.OrG', 'A')
    // kdig itself turns the name to lower case before it asks.
    if (tool === 'dig') t.match(mixed.question, /^WwW\.eXaMpLe\.OrG\. /, 'the question comes back as it was asked')
    t.equal(mixed.answer.length, 2)
    const binary = await get('a\\.b\\000\\255.example.org', 'A')
    t.match(binary.question, /^a\\\.b\\000\\255\.example\.org\. /, 'octet by octet')
    t.equal(binary.status, 'NXDOMAIN')

    const below = await get('host.sub.example.org', 'A')
    t.equal(below.status, 'NOERROR')
    t.notOk(below.flags.includes('aa'), 'a referral is not authoritative')
    t.strictSame(below.authority, [
      'sub.example.org. 3600 IN NS ns.sub.example.org.',
      'sub.example.org. 3600 IN NS ns.example.net.',
    ])
    t.strictSame(below.additional, ['ns.sub.example.org. 3600 IN A 192.0.2.53'])
    t.equal(server.errors(), '')
  })

  t.test(`${tool}: no answer to give`, { skip }, async (t) => {
    const server = await start(t, '0.0.0.0')
    const get = (...question: string[]) => ask(tool, server, '127.0.0.1', ...question)
    const check = async (question: string[], status: string, authority: string[], authoritative: boolean) => {
      const got = await get(...question)
      t.equal(got.status, status, `${question.join(' ')}: ${status}`)
      t.strictSame(got.answer, [])
      t.strictSame(got.authority, authority)
      t.equal(got.flags.includes('aa'), authoritative)
    }
    await check(['nothing.example.org', 'A'], 'NXDOMAIN', [SOA], true)
    await check(['below.www.example.org', 'A'], 'NXDOMAIN', [SOA], true)
    await check(['mail.example.org', 'AAAA'], 'NOERROR', [SOA], true)
    await check(['mail.example.org', 'TYPE65280'], 'NOERROR', [SOA], true)
    await check(['deep.name.example.org', 'A'], 'NOERROR', [SOA], true)
    await check(['sub.example.org', 'DS'], 'NOERROR', [SOA], true)
    await check(['www.example.com', 'A'], 'REFUSED', [], false)
    await check(['notexample.org', 'A'], 'REFUSED', [], false)
    await check(['.', 'NS'], 'REFUSED', [], false)
    await check(['-c', 'CH', '-q', 'version.bind', '-t', 'TXT'], 'REFUSED', [], false)
    await check(['-c', 'CH', '-q', 'www.example.org', '-t', 'TXT'], 'REFUSED', [], false)
    t.equal(server.errors(), '')

    await check(['loop.example.org', 'A'], 'SERVFAIL', [], false)
    t.match(
      server.errors(),
      /^dns-server: the CNAME records of loop\.example\.org\. lead back to loop\.example\.org\.\n$/,
    )
    // That can be asked for none the less:
    t.equal((await get('loop.example.org', 'CNAME')).answer.length, 1)
  })

  t.test(`${tool}: sizes`, { skip }, async (t) => {
    const server = await start(t, '0.0.0.0')
    const get = (...question: string[]) => ask(tool, server, '127.0.0.1', '-t', 'TXT', ...question)
    const cases: [question: string[], whole: boolean][] = [
      [['-q', 'long.example.org', '+noedns'], false],
      [['-q', 'long.example.org', '+bufsize=600'], false],
      [['-q', 'long.example.org', '+bufsize=100'], false], // counts as 512 (RFC 6891, section 6.2.3)
      [['-q', 'text.example.org', '+bufsize=100'], true],
      [['-q', 'long.example.org', '+bufsize=1232'], true],
      [['-q', 'long.example.org', '+bufsize=4096'], true],
      [['-q', 'many.big.example.org', '+bufsize=1232'], false],
      [['-q', 'many.big.example.org', '+bufsize=4096'], true],
      [['-q', 'huge.big.example.org', '+bufsize=4096'], false],
      [['-q', 'huge.big.example.org', '+bufsize=65535'], false], // beyond what the server sends
    ]
    for (const [question, whole] of cases) {
      const got = await get(...question)
      t.equal(got.status, 'NOERROR', question.join(' '))
      t.equal(got.flags.includes('tc'), !whole, whole ? 'whole' : 'TC')
      t.equal(got.answer.length, whole ? 1 : 0)
      const allowed = Math.max(512, Number(/bufsize=(\d+)/.exec(question.join(' '))?.[1] ?? 0))
      t.ok(got.bytes > 0 && got.bytes <= Math.min(allowed, 4096), `${got.bytes} bytes, ${allowed} allowed`)
      t.equal(got.text.includes('EDNS'), !question.includes('+noedns'), 'EDNS is answered with EDNS')
    }

    const small = await start(t, '0.0.0.0', '--max-size', '1000')
    t.ok((await ask(tool, small, '127.0.0.1', 'many.big.example.org', 'TXT', '+bufsize=4096')).flags.includes('tc'))
    t.match((await ask(tool, small, '127.0.0.1', 'www.example.org', '+bufsize=4096')).text, /UDP(?: size)?: 1000/i)
  })

  t.test(`${tool}: versions and operations`, { skip }, async (t) => {
    const server = await start(t, '0.0.0.0')
    const negotiation = tool === 'dig' ? ['+noednsnegotiation'] : []
    const next = await ask(tool, server, '127.0.0.1', 'www.example.org', 'A', '+edns=1', ...negotiation)
    t.equal(next.status, 'BADVERS')
    t.match(next.text, /version: 0/i)
    t.strictSame(next.answer, [])
    const secure = await ask(tool, server, '127.0.0.1', 'www.example.org', 'A', '+dnssec')
    t.match(secure.text, /flags: do\b/i, 'the DO bit is copied')
    t.equal(secure.answer.length, 2)
    if (tool === 'dig') {
      for (const opcode of ['STATUS', 'NOTIFY', 'UPDATE', '15']) {
        const got = await ask(tool, server, '127.0.0.1', 'www.example.org', 'A', `+opcode=${opcode}`)
        t.equal(got.status, 'NOTIMP', `opcode ${opcode}`)
        t.match(got.text, opcode === '15' ? /opcode: RESERVED15/ : new RegExp(`opcode: ${opcode}`))
      }
      // Options of EDNS that dig sends are read, and not answered.
      const options = ['+cookie', '+subnet=192.0.2.0/24', '+nsid', '+padding=64', '+ednsopt=65001:0102']
      t.equal((await ask(tool, server, '127.0.0.1', 'www.example.org', 'A', ...options)).answer.length, 2)
    } else {
      const got = await ask(tool, server, '127.0.0.1', '-q', 'example.org', '-t', 'NOTIFY=1')
      t.equal(got.status, 'NOTIMPL', 'as kdig spells it')
      t.match(got.text, /opcode: NOTIFY/)
    }
  })
}

t.test('dig does tell: the same answers through dgram come from the wrong address', async (t) => {
  const skip = missing('dig') || (loopback.length === 1 && 'this system has no 127.0.0.2')
  if (skip) {
    t.comment(`skipped: ${skip}`)
    return
  }
  const zones = [readZone(ZONE)]
  const socket = dgram.createSocket('udp4', (data, info) => {
    socket.send(answer(zones, data, { maxSize: 4096 }) ?? '', info.port, info.address)
  })
  t.teardown(() => socket.close())
  socket.bind(0, '0.0.0.0')
  await once(socket, 'listening')
  const server = { port: socket.address().port } as Server
  t.equal((await ask('dig', server, '127.0.0.1', 'www.example.org')).exit, 0)
  const got = await ask('dig', server, '127.0.0.2', 'www.example.org')
  t.equal(got.exit, 9, 'no answer')
  t.match(got.text, /timed out|no servers could be reached|reply from unexpected source/)
})

const encodeQuery = (name: string, id: number) =>
  dnsPacket.encode({ type: 'query', id, questions: [{ name, type: 'A', class: 'IN' }] })

/** Sends datagrams to the server, then a good query, and returns all that came until its answer. */
async function exchange(port: number, datagrams: readonly Buffer[]): Promise<Buffer[]> {
  const socket = dgram.createSocket('udp4')
  const received: Buffer[] = []
  try {
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const last = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        received.push(data)
        if (data.length >= 2 && data.readUInt16BE(0) === 0xfffe) resolve()
      })
    })
    for (const datagram of [...datagrams, encodeQuery('www.example.org', 0xfffe)]) socket.send(datagram)
    await last
    return received
  } finally {
    socket.close()
  }
}

t.test('what is not a query', async (t) => {
  const server = await start(t, '0.0.0.0')
  const good = encodeQuery('www.example.org', 7)
  const changed = (offset: number, value: number) => {
    const copy = Buffer.from(good)
    copy.writeUInt8(value, offset)
    return copy
  }

  // Sent as one burst: only the good query behind them is answered.
  const silent = [changed(2, 0x80), changed(2, 0xa8), Buffer.alloc(0), Buffer.from('hello'), good.subarray(0, 11)]
  const unanswered = await exchange(server.port, silent)
  t.equal(unanswered.length, 1, 'responses and fragments of a header are not answered')
  t.strictSame(dnsPacket.decode(unanswered[0] ?? Buffer.alloc(0)).answers?.length, 2)

  const opt = (version: number) => Buffer.from([0, 0, 41, 16, 0, 0, version, 0, 0, 0, 0])
  const withAdditionals = (count: number, ...more: Buffer[]) => Buffer.concat([changed(11, count), ...more])
  const malformed: Record<string, Buffer> = {
    'garbage behind a header': Buffer.concat([
      Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      Buffer.alloc(50, 0xff),
    ]),
    'a header alone': good.subarray(0, 12),
    'a question cut short': good.subarray(0, good.length - 1),
    'no question': changed(5, 0).subarray(0, 12),
    'two questions': Buffer.concat([changed(5, 2), good.subarray(12)]),
    '65535 answers': Buffer.concat([good.subarray(0, 6), Buffer.from([255, 255]), good.subarray(8)]),
    'octets too many': Buffer.concat([good, Buffer.from([0])]),
    'a name that points to itself': Buffer.concat([good.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    'a label of 64 octets': changed(12, 64),
    'two OPT records': withAdditionals(2, opt(0), opt(0)),
    'an OPT record cut short': withAdditionals(1, opt(0).subarray(0, 9)),
    'an OPT record that is not there': withAdditionals(1),
    'an option longer than its record': withAdditionals(
      1,
      opt(0).subarray(0, 9),
      Buffer.from([0, 6, 0, 8, 0, 200, 0, 1]),
    ),
  }
  for (const [what, datagram] of Object.entries(malformed)) {
    const [first, ...others] = await exchange(server.port, [datagram])
    if (first === undefined || others.length !== 1) t.fail(`${what}: one answer`)
    else
      t.strictSame(
        [...first],
        [0, 7, 0x80 | (datagram.readUInt8(2) & 1), 1, 0, 0, 0, 0, 0, 0, 0, 0],
        `${what}: FORMERR`,
      )
  }

  // A question twice is answered twice, alike.
  const twice = await exchange(server.port, [good, good])
  t.equal(twice.length, 3)
  t.strictSame(twice[0], twice[1])
  t.equal(server.errors(), '')
})

t.test('a question from port 0 is dropped', async (t) => {
  const server = await start(t, '0.0.0.0')
  const script = `
import socket, struct, sys
query = bytes.fromhex(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
    raw.sendto(struct.pack('!HHHH', 0, int(sys.argv[1]), 8 + len(query), 0) + query, ('127.0.0.1', 0))
`
  const hex = encodeQuery('www.example.org', 9).toString('hex')
  const { error, status, stderr } = spawnSync('python3', ['-c', script, String(server.port), hex], { encoding: 'utf8' })
  if (error !== undefined) {
    t.comment('skipped: python3 is not installed')
    return
  }
  if (status !== 0) {
    t.comment(`skipped: ${stderr.trim().split('\n').at(-1)}`)
    return
  }
  t.equal((await exchange(server.port, [])).length, 1, 'the server is there')
  t.equal(server.errors(), '', 'and did not try to answer')
})

t.test('any octets: an answer is well-formed, and no larger than allowed', async (t) => {
  const zones = [readZone(ZONE), readZone(bigZone)]
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0 // Numerical Recipes' generator: the same run each time
    return Math.floor((state / 2 ** 32) * below)
  }
  const OPT: OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 700,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  }
  const seeds = [
    'www.example.org',
    'long.example.org',
    'huge.big.example.org',
    'loop.example.org',
    'a.wild.example.org',
  ]
    .map((name) => [
      encodeQuery(name, 1),
      dnsPacket.encode({ id: 1, questions: [{ name, type: 'TXT' }], additionals: [OPT] }),
    ])
    .flat()
  const rcodes = new Map<number, number>()
  let problems = 0
  for (let round = 0; round < 20_000; round++) {
    let data = Buffer.from(seeds[random(seeds.length)] ?? [])
    for (let changes = random(4); changes > 0; changes--) data.writeUInt8(random(256), random(data.length))
    if (random(8) === 0) data = data.subarray(0, random(data.length))
    const reply = answer(zones, data, { maxSize: 1232 })
    if (reply === undefined) {
      if (data.length >= 12 && (data[2] ?? 0) < 0x80) problems++
      continue
    }
    const decoded = dnsPacket.decode(reply)
    const size = data.length > 12 && data.includes(Buffer.from([0, 0, 41])) ? 1232 : 512
    const sound = decoded.flag_qr && decoded.id === data.readUInt16BE(0) && dnsPacket.decode.bytes === reply.length
    if (!sound || reply.length > size) problems++
    const rcode = reply.readUInt8(3) & 15
    rcodes.set(rcode, (rcodes.get(rcode) ?? 0) + 1)
  }
  t.equal(problems, 0)
  for (const rcode of [0, 1, 2, 3, 4, 5]) t.ok((rcodes.get(rcode) ?? 0) > 10, `${rcodes.get(rcode)} with code ${rcode}`)
})

t.test('start and end', async (t) => {
  const run = (...parameters: string[]) => {
    return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = execFile(process.execPath, [bundle, ...parameters], (_, stdout, stderr) => {
        resolve({ status: child.exitCode, stdout, stderr })
      })
    })
  }
  const broken = join(
    t.testdir({ 'broken.zone': '$ORIGIN example.net.\n@ 60 IN SOA a b 1 2 3 4 5\n@ 60 NS a\na 60 A 1.2.3\n' }),
    'broken.zone',
  )
  const wrong: [parameters: string[], message: RegExp][] = [
    [['--prot', '53'], /Unknown option '--prot'/],
    [['--port', '70000'], /--port 70000: not an integer from 0 to 65535/],
    [['--port', 'domain'], /--port domain: not an integer/],
    [['--address', 'localhost'], /--address localhost: not an IP address/],
    [['--max-size', '100'], /--max-size 100: not an integer from 512 to 65535/],
    [['--zone', join(EXAMPLES, 'missing.zone')], /missing\.zone: ENOENT/],
    [['--zone', broken], /broken\.zone:4: 1\.2\.3: not an IPv4 address$/m],
    [['--zone', ZONE, '--zone', ZONE], /two of the files hold the zone example\.org\./],
    [['more'], /Unexpected argument 'more'/],
  ]
  const runs = await Promise.all(
    wrong.map(async ([parameters, message]) => [await run(...parameters), message] as const),
  )
  for (const [{ status, stderr, stdout }, message] of runs) {
    t.equal(status, 2)
    t.match(stderr, message)
    t.match(stderr, /^dns-server: [^\n]*\n$/, 'one line')
    t.equal(stdout, '')
  }
  t.match(await run('--help'), { status: 0, stdout: /^usage: dns-server /, stderr: '' })

  const server = await start(t, '127.0.0.1')
  t.match(server.listening, /^listening on udp 127\.0\.0\.1:\d+$/)
  const taken = await run('--address', '127.0.0.1', '--port', String(server.port))
  t.equal(taken.status, 1)
  t.match(taken.stderr, /^dns-server: [^\n]*EADDRINUSE[^\n]*\n$/)

  if (process.platform === 'win32') {
    t.comment('skipped: Windows has no signals to catch')
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const ended = ipv6 ? await start(t, undefined) : await start(t, '0.0.0.0')
    t.match(ended.listening, ipv6 ? /^listening on udp \[::\]:\d+$/ : /^listening on udp 0\.0\.0\.0:\d+$/)
    const exit = once(ended.process, 'exit')
    ended.process.kill(signal)
    t.strictSame(await exit, [0, null], `${signal} ends it`)
    t.equal(ended.errors(), '')
  }
})
