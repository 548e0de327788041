// The tests' outside witness, test/witness/peer.py, behind a TCP port: a program under Wine cannot talk to a Unix program
// by pipes.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'

const script = path.resolve(import.meta.dirname, '..', '..', 'test', 'witness', 'peer.py')

/** Windows' numbers for raw control messages (ws2ipdef.h), in the place of those of the witness's own system. */
const numbers = {
  IPPROTO_IP: 0,
  IPPROTO_IPV6: 41,
  IP_TOS: 3,
  IP_TTL: 4,
  IP_RECVTOS: 40,
  IPV6_TCLASS: 39,
  IPV6_HOPLIMIT: 21,
}

/** Starts to listen; each connection gets a witness of its own. */
export async function serveWitness() {
  const known = JSON.parse(execFileSync('python3', [script], { input: '{"op":"numbers"}\n', encoding: 'utf8' }))
  const server = createServer((socket) => {
    const child = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    socket.on('error', () => child.stdin.end())
    socket.pipe(child.stdin).on('error', () => socket.destroy())
    child.stdout.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    environment: {
      SENDMSG_WITNESS_PORT: String(server.address().port),
      SENDMSG_WITNESS_KNOWN: JSON.stringify({ ...known, numbers }),
    },
    close: () => server.close(),
  }
}
