// Two instances of multicast-dns on loopback, and a third that asks from a port of its own.

const { once } = require('node:events')
const multicastDns = require('multicast-dns')
const { bound, called, dgram, given, outcome } = require('./outcome.cjs')

const local = '127.0.0.1'
const group = '224.0.0.251'

const records = [
  { name: '_http._tcp.local', type: 'PTR', ttl: 120, data: 'site._http._tcp.local' },
  {
    name: 'site._http._tcp.local',
    type: 'SRV',
    ttl: 120,
    data: { priority: 0, weight: 0, port: 8080, target: 'host.local' },
  },
  { name: 'host.local', type: 'A', ttl: 120, data: '192.0.2.1' },
  { name: 'host.local', type: 'A', ttl: 120, data: '192.0.2.2' },
]

void outcome(async () => {
  const shared = () => dgram.createSocket({ type: 'udp4', reuseAddr: true })
  const warnings = []
  /** What each instance saw, in its order. */
  const seen = { responder: [], browser: [], other: [] }
  let ports

  const open = (name, options) => {
    const mdns = multicastDns({ interface: local, ...options })
    mdns.on('warning', ({ message }) => warnings.push(message))
    mdns.on('packet', ({ type, questions, answers }, { address, family, port, size }) => {
      const from = Object.keys(ports).find((one) => ports[one] === port)
      const asked = questions.map((question) => `${question.name} ${question.type}`)
      seen[name].push({ type, asked, answers, from, address, family, size })
    })
    return mdns
  }

  // The system chooses the port, so these two are bound here.
  const first = shared()
  const responder = open('responder', { socket: first, port: 0 })
  const port = await bound(first, '0.0.0.0')
  const own = dgram.createSocket('udp4')
  const other = open('other', { socket: own, port: 0, multicast: false })
  ports = { group: port, other: await bound(own, local) }
  own.setMulticastInterface(local)

  responder.on('query', ({ questions }, rinfo) => {
    const known = records.filter(({ name, type }) =>
      questions.some((question) => question.name === name && ['ANY', type].includes(question.type)),
    )
    // Who asks from another port wants the answer there (RFC 6762, section 6.7).
    if (known.length > 0) responder.respond(known, rinfo.port === port ? undefined : rinfo)
  })

  const browser = open('browser', { ...(given && { socket: shared() }), port, bind: '0.0.0.0' })
  await once(browser, 'ready')
  const ask = async (mdns, ...query) => {
    const answered = once(mdns, 'response')
    // All that listen to the group hear of it.
    const heard = mdns === browser ? once(responder, 'response') : once(browser, 'query')
    await called((done) => mdns.query(...query, done))
    await Promise.all([answered, heard])
  }
  await ask(browser, '_http._tcp.local', 'PTR')
  await ask(browser, {
    questions: [
      { name: 'site._http._tcp.local', type: 'ANY' },
      { name: 'host.local', type: 'A' },
    ],
  })
  await ask(other, 'host.local', 'A', { address: group, port })

  const members = [first, own].map((socket) => {
    try {
      socket.addMembership(group, local)
      return 'joined'
    } catch ({ code, syscall }) {
      return `${syscall} ${code}`
    }
  })
  await Promise.all([responder, browser, other].map((mdns) => called((done) => mdns.destroy(done))))
  return { seen, members, warnings }
})
