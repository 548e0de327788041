import { execFile } from 'node:child_process'
import dgram from 'node:dgram'
import { randomInt } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { decode, encode, RECURSION_DESIRED } from 'dns-packet'

/** The name in the queries; .test is reserved (RFC 6761). */
const name = 'destination.test'

/**
 * Sends a query over plain node:dgram. The socket is not connected, so that it receives an answer from another address, too.
 * Returns the address that the answer came from, or undefined if none came in time.
 */
export async function ask(address: string, port: number, timeout: number): Promise<string | undefined> {
  const id = randomInt(0x10000)
  const query = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type: 'TXT', name }] })
  const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(resolve, timeout, undefined)
      socket.on('error', reject)
      socket.on('message', (data, { address: from }) => {
        if (isAnswer(data, id)) resolve(from)
      })
      socket.send(query, port, address, (error) => {
        if (error) reject(error)
      })
    })
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

function isAnswer(data: Buffer, id: number): boolean {
  try {
    const packet = decode(data)
    return packet.type === 'response' && packet.id === id && (packet.answers?.length ?? 0) > 0
  } catch {
    return false
  }
}

export type DigVerdict = 'answer' | 'unexpected source' | 'no answer'

/** Sends a query with dig, which accepts an answer only from the address that it asked. */
export async function dig(address: string, port: number): Promise<DigVerdict> {
  const options = ['+tries=1', '+timeout=1', '+short', '-p', String(port), `@${address}`, name, 'TXT']
  const { failed, output } = await run('dig', options)
  if (!failed && /^"asked at /m.test(output)) return 'answer'
  return output.includes('unexpected source') ? 'unexpected source' : 'no answer'
}

export async function digInstalled(): Promise<boolean> {
  return !(await run('dig', ['-v'])).failed
}

function run(command: string, options: string[]): Promise<{ failed: boolean; output: string }> {
  return new Promise((resolve) => {
    execFile(command, options, { timeout: 3000 }, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: stdout + stderr })
    })
  })
}
