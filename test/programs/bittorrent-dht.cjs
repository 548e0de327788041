// Three nodes of bittorrent-dht on loopback: one is known to the others, one announces itself, one looks for it.

const { createHash } = require('node:crypto')
const { once } = require('node:events')
const { called, dgram, given, messageOf, outcome } = require('./outcome.cjs')

const local = '127.0.0.1'
const hash = (text) => createHash('sha1').update(text).digest()
const torrents = ['a torrent, 20 bytes ', 'another of that size'].map((text) => Buffer.from(text))

void outcome(async () => {
  // An ES module; what it takes from k-rpc-socket is CommonJS.
  const { Client } = await import('bittorrent-dht')
  const warnings = []
  const names = new Map()
  const start = async (name, bootstrap) => {
    const socket = given ? dgram.createSocket('udp4') : undefined
    const node = new Client({ socket, nodeId: hash(name), bootstrap, timeout: 20_000 })
    node.on('warning', (error) => warnings.push(messageOf(error)))
    await called((done) => node.listen(0, local, () => done(null)))
    const { port } = node.address()
    names.set(port, name)
    if (!node.ready) await once(node, 'ready')
    return { node, at: `${local}:${port}` }
  }
  const { node: known, at } = await start('known', false)
  const { node: announcer } = await start('announcer', [at])
  const { node: seeker } = await start('seeker', [at])

  const found = []
  seeker.on('peer', ({ host, port }, sought, from) => {
    found.push({ host, port: names.get(port) ?? port, sought: sought.toString(), from: names.get(from?.port) ?? null })
  })
  const heard = []
  known.on('announce', ({ host, port }, announced) => {
    heard.push({ host, port: names.get(port) ?? port, announced: announced.toString() })
  })
  // With a port, and with that which the request comes from.
  for (const [torrent, port] of [
    [torrents[0], 6881],
    [torrents[1], 0],
  ]) {
    await called((done) => announcer.announce(torrent, port, done))
    await called((done) => seeker.lookup(torrent, done))
  }

  const value = Buffer.alloc(900, 'v')
  const key = await new Promise((resolve, reject) => {
    announcer.put({ v: value }, (error, where) => (error ? reject(error) : resolve(where)))
  })
  const stored = await called((done) => seeker.get(key, done))
  const missing = await called((done) => seeker.get(hash('nothing'), done))

  const nodes = [known, announcer, seeker]
  const result = {
    heard,
    found,
    stored: stored.v.equals(value),
    missing,
    tables: nodes.map((node) =>
      node
        .toJSON()
        .nodes.map(({ port }) => names.get(port))
        .sort(),
    ),
    warnings,
  }
  await Promise.all(nodes.map((node) => called((done) => node.destroy(done))))
  return result
})
