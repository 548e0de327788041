// What a kernel really does is tried over loopback at the first typed field: it blocks nothing, and what could not be tried
// is not taken for an answer.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { isLocal } from '../helpers/sockets'

const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0
const elsewhere = process.platform !== 'linux' && 'network namespaces are Linux'
const noNamespace =
  elsewhere || (!works('unshare', '-n', 'ip', 'link') && 'a network namespace needs root, and iproute2')
const hasRules = (...rule: string[]): boolean => works('unshare', '-n', 'iptables', ...rule)
const noDrop =
  noNamespace ||
  (!hasRules('-A', 'INPUT', '-i', 'lo', '-p', 'udp', '-j', 'DROP') &&
    'iptables is not installed, or takes no rule here')
const noMangle =
  noDrop ||
  (!hasRules('-t', 'mangle', '-A', 'OUTPUT', '-p', 'udp', '-j', 'TTL', '--ttl-set', '9') &&
    'the kernel has no TTL target for iptables')
const noQueue =
  noNamespace ||
  (!works('unshare', '-n', 'tc', ...'qdisc add dev lo root tbf rate 40kbit burst 100b limit 1kb'.split(' ')) &&
    'no tbf queue can be made here')
const noStrace = !works('strace', '-o', '/dev/null', 'true') && 'strace is not installed, or must not trace'

interface Seen {
  first: number | string
  then: (number | string)[]
  early: boolean
  frozen: boolean
  later: number | string
  arrived: object | null
  concluded: boolean
  all: boolean
  hopLimit: object
  names?: string[]
  names6?: string[]
}

/** Runs probe.cjs, and returns what it saw and what of it was traced. */
function run(test: Test, how: string, trace = ''): { seen: Seen; lines: string[] } {
  const file = path.join(test.testdir({}), 'trace')
  const strace = trace === '' ? [] : ['strace', '-f', '-o', file, '-e', `trace=${trace}`]
  const limit = how === 'full' ? ['sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'] : []
  const script = path.join(__dirname, 'probe.cjs')
  const { stdout, stderr } = spawnSync('unshare', ['-n', ...limit, ...strace, process.execPath, script, how], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  test.equal(stderr, '')
  return { seen: JSON.parse(stdout), lines: trace === '' ? [] : readFileSync(file, 'utf8').split('\n') }
}

/** All fields that are tried, as they were sent. */
const ARRIVED = { address: '127.0.0.2', trafficClass: 0x2a, hopLimit: 77 }
// Without IPv6 nothing is concluded of it.
const END = { frozen: true, later: 1, arrived: ARRIVED, concluded: isLocal('::1'), all: true }

t.test('where nothing arrives over loopback', { skip: noDrop || noStrace }, async (t) => {
  const { seen, lines } = run(t, 'silent', '%file,poll,ppoll')
  t.match(seen, { first: 1, then: [1], early: true, ...END }, 'all is sent, and nothing is concluded')
  const at = (name: string): number => lines.findIndex((line) => line.includes(`/mark-${name}"`))
  t.ok(at('first') > 0 && at('then') > at('first') && at('end') > at('then'))
  const waits = (from: number, to: number): number =>
    lines
      .slice(from, to)
      .map((line) => Number(/\bpoll\(.*\}\], \d+, (\d+)\)/.exec(line)?.[1] ?? 0))
      .reduce((sum, milliseconds) => sum + milliseconds, 0)
  const first = waits(at('first'), at('then'))
  t.ok(first > 0 && first <= 5, 'some milliseconds were waited', { first })
  t.equal(waits(at('then'), at('end')), 0, 'and no more for the messages after it')
})

t.test('where loopback is down', { skip: noNamespace }, async (t) => {
  const { seen } = run(t, 'down')
  t.match(seen, { first: 'ENETUNREACH sendmsg', then: ['ENETUNREACH sendmsg'], early: true, ...END })
})

t.test('where what is tried comes too late', { skip: noQueue }, async (t) => {
  const { seen } = run(t, 'late')
  t.match(seen, { first: 1, then: [1], early: true, ...END }, 'what comes late is taken for nothing else')
})

t.test('where a field is taken and does nothing', { skip: noMangle }, async (t) => {
  const { seen } = run(t, 'mangled')
  const refused = 'ENOTSUP sendmsg'
  t.match(seen, { first: refused, then: [refused], early: false, later: refused, concluded: END.concluded })
  t.same(seen.hopLimit, { IPv4: false, IPv6: 'kernel' }, 'it arrived without the field')
})

t.test('where no descriptor is left', { skip: noNamespace }, async (t) => {
  const { seen } = run(t, 'full')
  t.match(seen, { first: 1, then: [1], early: true, ...END })
  const full = 'EMFILE if_nametoindex'
  const { names, names6 } = seen
  t.same(names, [full, full, full, full, 'ERR_INVALID_ARG_VALUE '], 'the look-up of an interface says so')
  t.same(names6, [full, full], 'and what is bound by name')
})
