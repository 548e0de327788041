// The server of dns2, asked by its own client and by Node's resolver.

const { Resolver } = require('node:dns').promises
const { once } = require('node:events')
const { UDPClient } = require('dns2')
const { createServer } = require('./dns2-server.cjs')
const { bound, dgram, outcome } = require('./outcome.cjs')

const local = '127.0.0.1'

void outcome(async () => {
  const server = createServer()
  let failures = 0
  server.on('requestError', () => failures++)
  await server.listen(0, local)
  const { port } = server.address()

  const query = UDPClient({ dns: local, port, timeout: 20_000, retryOverTCP: false })
  const ask = async (name, type) => {
    const { header, answers } = await query(name, type)
    return { rcode: header.rcode, truncated: header.tc, answers: answers.map(({ address, data }) => address ?? data) }
  }
  const result = {
    a: await ask('one.example.org', 'A'),
    aaaa: await ask('one.example.org', 'AAAA'),
    many: await ask('many.example.org', 'A'),
    text: await ask('text.example.org', 'TXT'),
    long: await ask('long.example.org', 'TXT'),
    unknown: await ask('none.example.org', 'A'),
    atOnce: await Promise.all(Array.from({ length: 50 }, () => ask('many.example.org', 'A'))),
  }

  const resolver = new Resolver({ timeout: 20_000, tries: 1 })
  resolver.setServers([`${local}:${port}`])
  result.resolver = {
    a: await resolver.resolve4('one.example.org', { ttl: true }),
    many: (await resolver.resolve4('many.example.org')).sort(),
    text: await resolver.resolveTxt('text.example.org'),
    unknown: await resolver.resolve4('none.example.org').catch(({ code }) => code),
  }

  const silent = dgram.createSocket('udp4')
  const unanswered = UDPClient({ dns: local, port: await bound(silent, local), timeout: 100 })
  result.timeout = await unanswered('one.example.org').catch(({ code }) => code)
  const asked = once(server, 'requestError')
  silent.send('no query', port, local)
  await asked
  result.failures = failures
  silent.close()

  const closed = once(server, 'close')
  server.close()
  await closed
  return result
})
