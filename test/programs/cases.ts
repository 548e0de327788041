// The programs, how they come to our sockets, and what comes of them, on dgram's and on ours.

/** Given sockets of ours by an option of the library, or `in-place-of-dgram.cjs` at work in its imports. */
type Way = 'given sockets of ours' | 'only with a monkey-patched import'

export interface Case {
  program: string
  way: Way
  parameters: readonly string[]
  result: object
  /** What is otherwise on ours. */
  differences?: object
  /** Sockets that the library makes from dgram for itself, whatever it is given. */
  others?: number
  /** Why it needs Linux. */
  linux?: string
  /** A program that it starts. */
  needs?: string
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3']

const dns2 = (() => {
  const good = { rcode: 0, truncated: 0 }
  return {
    a: { ...good, answers: ['192.0.2.1'] },
    aaaa: { ...good, answers: ['2001:db8::1'] },
    many: { ...good, answers: addresses },
    text: { ...good, answers: ['v=spf1 -all', 'a second; "quoted"'] },
    long: { rcode: 0, truncated: 1, answers: [] },
    unknown: { rcode: 3, truncated: 0, answers: [] },
    atOnce: times(50, { ...good, answers: addresses }),
    resolver: {
      a: [{ address: '192.0.2.1', ttl: 300 }],
      many: addresses,
      text: [['v=spf1 -all'], ['a second; "quoted"']],
      unknown: 'ENOTFOUND',
    },
    timeout: 'ETIMEDOUT',
    failures: 1,
  }
})()

const dig = {
  a: ['192.0.2.1'],
  many: addresses,
  text: ['"v=spf1 -all"', '"a second; \\"quoted\\""'],
  unknown: [''],
  // No answer.
  elsewhere: 9,
}

const dnsSocket = (() => {
  const good = (...answers: unknown[]) => ({ rcode: 'NOERROR', answers })
  return {
    a: good('192.0.2.1'),
    many: good(...addresses),
    text: good(['a text'], ['two', 'parts']),
    long: good(...Array.from({ length: 20 }, (_, index) => [`${index} ${'x'.repeat(200)}`])),
    none: good(),
    alias: good('one.example.org'),
    atOnce: times(50, good(...addresses)),
    inflight: 0,
    address: { address: '0.0.0.0', family: 'IPv4', port: true },
    timeout: 'Query timed out',
    unanswered: times(3, '127.0.0.1'),
    warning: true,
    destroyed: times(2, 'Socket destroyed'),
  }
})()

const multicastDns = (() => {
  const sender = (from: string, size: number) => ({ from, address: '127.0.0.1', family: 'IPv4', size })
  const query = (from: string, size: number, ...asked: string[]) => ({
    type: 'query',
    asked,
    answers: [],
    ...sender(from, size),
  })
  const response = (size: number, ...answers: object[]) => ({
    type: 'response',
    asked: [],
    answers: answers.map((answer) => ({ ttl: 120, class: 'IN', flush: false, ...answer })),
    ...sender('group', size),
  })
  const hosts = ['192.0.2.1', '192.0.2.2'].map((data) => ({ name: 'host.local', type: 'A', data }))
  const group = [
    query('group', 34, '_http._tcp.local PTR'),
    response(63, { name: '_http._tcp.local', type: 'PTR', data: 'site._http._tcp.local' }),
    query('group', 55, 'site._http._tcp.local ANY', 'host.local A'),
    response(
      115,
      {
        name: 'site._http._tcp.local',
        type: 'SRV',
        data: { priority: 0, weight: 0, port: 8080, target: 'host.local' },
      },
      ...hosts,
    ),
    query('other', 28, 'host.local A'),
  ]
  return {
    seen: { responder: group, browser: group, other: [response(64, ...hosts)] },
    members: ['addMembership EADDRINUSE', 'joined'],
    warnings: [],
  }
})()

const bittorrentDht = (() => {
  const peer = { host: '127.0.0.1', port: 6881 }
  const torrent = 'a torrent, 20 bytes '
  const implied = { host: '127.0.0.1', port: 'announcer' }
  const another = 'another of that size'
  return {
    heard: [
      { ...peer, announced: torrent },
      { ...implied, announced: another },
    ],
    // It was announced to both, so the seeker finds it at home, too.
    found: [
      { ...peer, sought: torrent, from: null },
      { ...peer, sought: torrent, from: 'known' },
      { ...implied, sought: another, from: null },
      { ...implied, sought: another, from: 'known' },
    ],
    stored: true,
    missing: null,
    tables: [
      ['announcer', 'seeker'],
      ['known', 'seeker'],
      ['announcer', 'known'],
    ],
    warnings: [],
  }
})()

const coap = (() => {
  const response = (code: string, payload = '') => ({ code, payload, from: '127.0.0.1' })
  const hello = (token: string) => ({ code: '2.05', token, payload: 'hello' })
  const refused = { code: '5.00', token: '', payload: 'Observe can only be present with a GET or a FETCH' }
  return {
    requests: {
      get: response('2.05', 'hello'),
      nonConfirmable: response('2.05', 'hello'),
      unknown: response('4.04'),
      put: response('2.04'),
      changed: response('2.05', 'a thing'),
      getBlocks: response('2.05', 'large'),
      putBlocks: response('2.04'),
      blocks: response('2.05', 'large'),
    },
    observed: ['one', 'two', 'three'],
    handled: [
      'GET /hello 0',
      'GET /hello 0',
      'GET /nothing 0',
      'PUT /thing 7',
      'GET /thing 0',
      'GET /large 0',
      'PUT /blocks 5000',
      'GET /blocks 0',
      'GET /ticks 0',
    ],
    // The second is answered as the first was, and not handled again.
    raw: { answers: [hello('01'), hello('01'), refused, hello('02')], handled: times(2, 'GET /hello 0') },
    multicast: ['one', 'two'],
  }
})()

/** coap sends these two only on what is an instance of dgram's Socket. */
const coapGiven = {
  raw: { answers: coap.raw.answers.filter(({ code }) => code !== '5.00'), handled: times(3, 'GET /hello 0') },
}

const given: Way = 'given sockets of ours'
const patched: Way = 'only with a monkey-patched import'
const multicast = 'multicast on the loopback interface is for Linux'

export const cases: readonly Case[] = [
  { program: 'dns2', way: patched, parameters: [], result: dns2 },
  {
    program: 'dns2-dig',
    way: patched,
    parameters: [],
    result: dig,
    linux: 'all of 127.0.0.0/8 is local on Linux alone',
    needs: 'dig',
  },
  { program: 'dns-socket', way: given, parameters: ['given'], result: dnsSocket },
  { program: 'dns-socket', way: patched, parameters: [], result: dnsSocket },
  { program: 'multicast-dns', way: given, parameters: ['given'], result: multicastDns, linux: multicast },
  { program: 'multicast-dns', way: patched, parameters: [], result: multicastDns, linux: multicast },
  { program: 'bittorrent-dht', way: given, parameters: ['given'], result: bittorrentDht },
  { program: 'bittorrent-dht', way: patched, parameters: [], result: bittorrentDht },
  {
    program: 'coap',
    way: given,
    parameters: ['given'],
    result: coap,
    differences: coapGiven,
    // Those of its global agents, which nothing goes through.
    others: 2,
    linux: multicast,
  },
  { program: 'coap', way: patched, parameters: [], result: coap, linux: multicast },
  { program: 'coap', way: patched, parameters: ['given'], result: coap, linux: multicast },
]

/** With `reply-to`, what dig gets at the other address. */
export const digWithReplyTo = { ...dig, elsewhere: ['192.0.2.1'] }
