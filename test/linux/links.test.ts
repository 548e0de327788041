// What only links of our own show: ICMP that another processor handles, queues that drop, scopes of several interfaces. Each
// is a program in a network namespace.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import os from 'node:os'
import t, { type Test } from 'tap'

const inside = (setUp: string, ...command: string[]): string[] => [
  ...['unshare', '-n', '-m', 'sh', '-c', `mount -t sysfs sysfs /sys && ip link set lo up && ${setUp} && exec "$@"`],
  ...['sh', ...command],
]

function missing(setUp: string): string | false {
  if (process.platform !== 'linux') return 'network namespaces are Linux'
  const [program = '', ...args] = inside(setUp, 'true')
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? false : `no such links: ${error?.message ?? stderr.trim()}`
}

async function run(test: Test, setUp: string, name: string, ...args: string[]): Promise<ReturnType<typeof JSON.parse>> {
  const script = path.join(__dirname, name)
  const [program = '', ...rest] = inside(setUp, process.execPath, script, ...args)
  const child = spawn(program, rest, {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(child, 'close')
  test.equal(stderr, '', `${name} ${args.join(' ')} ends well`)
  return stdout === '' ? {} : JSON.parse(stdout)
}

// Datagrams of loopback are handled by the second processor while the program runs on the first.
const OTHER_PROCESSOR = 'echo 2 > /sys/class/net/lo/queues/rx-0/rps_cpus && taskset -cp 0 $$ > /dev/null'
const noOther = os.cpus().length < 2 ? 'one processor handles everything here' : missing(OTHER_PROCESSOR)

t.test('with receiveErrors no call fails for an earlier datagram', { skip: noOther }, async (t) => {
  for (const form of ['unconnected', 'connected', 'pulling', 'listening', 'deaf']) {
    const heard = await run(t, OTHER_PROCESSOR, 'flood.cjs', form)
    t.match(heard, { error: 0, refused: 0 }, `${form}: nothing is refused`)
    t.ok(heard.datagramError > 1000, `${form}: ${heard.datagramError} errors are told`)
    t.notOk(heard.wrong, `${form}: of the dead port`)
    if (form !== 'connected') t.ok(heard.arrived > 0, `${form}: ${heard.arrived} arrive at the living port`)
    if (form === 'deaf') t.equal(heard.answers, 20, 'a socket that only tries hears what comes afterwards')
  }
})

const SHORT_QUEUE = 'ip link set lo mtu 1500 && tc qdisc add dev lo root tbf rate 8mbit burst 5kb limit 8kb'

t.test('a queue that drops is lack of room', { skip: missing(SHORT_QUEUE) }, async (t) => {
  const heard = await run(t, SHORT_QUEUE, 'full-queue.cjs')
  t.same(heard, { codes: [], refused: null, taken: 150, inOrder: true, count: 300 })
})

const TWO_LINKS = `for n in 0 1; do
  ip link add s$n type veth peer name p$n &&
  sysctl -qw net.ipv6.conf.s$n.accept_dad=0 net.ipv6.conf.p$n.accept_dad=0 &&
  ip link set s$n up && ip link set p$n up; done;
  until [ "$(ip -6 -o address show scope link | grep -c -e 's[01]' -e 'p[01]')" -ge 4 ]; do sleep 0.1; done`

t.test('the scope of any destination chooses the interface', { skip: missing(TWO_LINKS) }, async (t) => {
  const { heard, codes } = await run(t, TWO_LINKS, 'scopes.cjs')
  for (const [what, link] of Object.entries(heard as Record<string, string>)) {
    t.equal(link, `p${what.at(-1) ?? ''}`, what)
  }
  t.equal(Object.keys(heard).length, 16)
  t.same(codes, Array(3).fill('ERR_INVALID_ARG_VALUE'), 'a scope and another interface contradict each other')
})
