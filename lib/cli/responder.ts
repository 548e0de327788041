import dgram from 'node:dgram'
import { once } from 'node:events'
import { isIPv4, isIPv6 } from 'node:net'
import { AUTHORITATIVE_ANSWER, decode, encode, RECURSION_DESIRED, type Answer, type Packet } from 'dns-packet'
import { createSocket, replyTo } from '../index'
import { bind } from './binding'

/** A running DNS responder, and its port. */
export interface Responder {
  port: number
  close: () => void
}

/**
 * Answers TXT queries with the address that they were sent to, as far as the socket knows it, and A and AAAA queries with
 * the address itself. Only DNS queries are answered.
 */
function answer(query: Buffer, destination: string | undefined): Buffer | undefined {
  let packet: Packet
  try {
    packet = decode(query)
  } catch {
    return undefined
  }
  if (packet.type !== 'query') return undefined
  return encode({
    type: 'response',
    id: packet.id ?? 0,
    flags: AUTHORITATIVE_ANSWER | ((packet.flags ?? 0) & RECURSION_DESIRED),
    questions: packet.questions ?? [],
    answers: (packet.questions ?? []).flatMap(({ name, type }): Answer[] => {
      if (type === 'TXT') return [{ type, name, ttl: 0, data: `asked at ${destination ?? 'an unknown address'}` }]
      if (destination === undefined) return []
      if (type === 'A' && isIPv4(destination)) return [{ type, name, ttl: 0, data: destination }]
      if (type === 'AAAA' && isIPv6(destination)) return [{ type, name, ttl: 0, data: destination }]
      return []
    }),
  })
}

/** The responder on a socket of this library. */
export async function startOurs(address: string, port: number, failed: (error: Error) => void): Promise<Responder> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  socket.on('message', (query, info) => {
    const data = answer(query, info.destination)
    if (!data) return
    socket.send({ data, ...replyTo(info) }, (error) => {
      if (error) failed(error)
    })
  })
  try {
    await bind(socket, address, port)
  } catch (error) {
    socket.close()
    throw error
  }
  socket.on('error', failed)
  return { port: socket.address().port, close: () => socket.close() }
}

/** The same on node:dgram, which neither reports the destination of a query nor lets the answer choose its source. */
export async function startDgram(address: string, port: number, failed: (error: Error) => void): Promise<Responder> {
  const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  socket.on('message', (query, info) => {
    const data = answer(query, undefined)
    if (data) socket.send(data, info.port, info.address)
  })
  try {
    socket.bind({ address, port })
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw error
  }
  socket.on('error', failed)
  return { port: socket.address().port, close: () => socket.close() }
}
