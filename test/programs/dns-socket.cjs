// Server and clients of dns-socket.

const { once } = require('node:events')
const dnsSocket = require('dns-socket')
const { called, dgram, given, messageOf, outcome } = require('./outcome.cjs')

const local = '127.0.0.1'

const answers = {
  'one.example.org': { A: ['192.0.2.1'] },
  'many.example.org': { A: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] },
  'text.example.org': { TXT: ['a text', ['two', 'parts']] },
  'long.example.org': { TXT: Array.from({ length: 20 }, (_, index) => `${index} ${'x'.repeat(200)}`) },
  'alias.example.org': { A: [], CNAME: ['one.example.org'] },
}

const open = (options) =>
  dnsSocket({ ...(given && { socket: dgram.createSocket('udp4') }), timeout: 20_000, ...options })

void outcome(async () => {
  const server = open()
  const unanswered = []
  server.on('query', (query, port, host) => {
    const [{ name, type }] = query.questions
    if (name === 'never.example.org') {
      unanswered.push(host)
      return
    }
    const records = answers[name]?.[type] ?? []
    server.response(query, { answers: records.map((data) => ({ name, type, ttl: 300, data })) }, port, host)
  })
  server.bind(0, local)
  await once(server, 'listening')
  const { port } = server.address()

  const client = open()
  const ask = async (from, name, type) => {
    const response = await called((done) => from.query({ questions: [{ name, type }] }, port, local, done))
    const texts = ({ data }) => (type === 'TXT' ? data.map(String) : data)
    return { rcode: response.rcode, answers: response.answers.map(texts) }
  }
  const result = {
    a: await ask(client, 'one.example.org', 'A'),
    many: await ask(client, 'many.example.org', 'A'),
    text: await ask(client, 'text.example.org', 'TXT'),
    long: await ask(client, 'long.example.org', 'TXT'),
    none: await ask(client, 'none.example.org', 'A'),
    alias: await ask(client, 'alias.example.org', 'CNAME'),
    atOnce: await Promise.all(Array.from({ length: 50 }, () => ask(client, 'many.example.org', 'A'))),
    inflight: client.inflight,
    address: { ...client.address(), port: client.address().port > 0 },
  }

  const hurried = open({ timeout: 50, retries: 1 })
  result.timeout = await ask(hurried, 'never.example.org', 'A').catch(messageOf)
  // Sent, and sent again.
  result.unanswered = unanswered

  const warned = once(server, 'warning')
  hurried.socket.send('no packet', port, local)
  result.warning = (await warned)[0] instanceof Error

  const pending = ask(client, 'never.example.org', 'A').catch(messageOf)
  await Promise.all([client, hurried, server].map((one) => called((done) => one.destroy(done))))
  result.destroyed = [await pending, await ask(client, 'one.example.org', 'A').catch(messageOf)]
  return result
})
