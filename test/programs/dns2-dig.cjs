// The server of dns2 on all addresses, asked by dig at two of them. With `reply-to` it answers from the one that was asked.

const { execFile } = require('node:child_process')
const { once } = require('node:events')
const { createServer } = require('./dns2-server.cjs')
const { outcome, parameters } = require('./outcome.cjs')

/** The lines of dig's answer, or its exit status. */
const dig = (port, at, seconds, ...question) =>
  new Promise((resolve) => {
    const options = ['-r', '+short', '+tries=1', `+timeout=${seconds}`, '-p', String(port), `@${at}`]
    execFile('dig', [...options, ...question], (error, text) => {
      resolve(error === null ? text.trim().split('\n') : error.code)
    })
  })

void outcome(async () => {
  const server = createServer()
  if (parameters.includes('reply-to')) {
    const { replyTo } = require('sendmsg')
    server.response = ({ rinfo }, packet) => server.sendmsg({ data: packet.toBuffer(), ...replyTo(rinfo) })
  }
  await server.listen(0, '0.0.0.0')
  const { port } = server.address()
  const result = {
    a: await dig(port, '127.0.0.1', 20, 'one.example.org', 'A'),
    many: (await dig(port, '127.0.0.1', 20, 'many.example.org', 'A')).sort(),
    text: await dig(port, '127.0.0.1', 20, 'text.example.org', 'TXT'),
    unknown: await dig(port, '127.0.0.1', 20, 'none.example.org', 'A'),
    // An answer from 127.0.0.1 does not count.
    elsewhere: await dig(port, '127.0.0.2', parameters.includes('reply-to') ? 20 : 1, 'one.example.org', 'A'),
  }
  const closed = once(server, 'close')
  server.close()
  await closed
  return result
})
