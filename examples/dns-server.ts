// An authoritative DNS server over UDP. It can be bound to the wildcard address: each answer leaves from the address that
// was asked. See README.md in this directory.

import { once } from 'node:events'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createSocket, replyTo, type Socket } from 'sendmsg'
import { answer } from './answer'
import { readZone, ZoneError, type Zone } from './zone'

const USAGE = `usage: dns-server [--address ADDRESS] [--port PORT] [--zone FILE]... [--max-size BYTES]

  --address ADDRESS  listen here; default: [::] for IPv6 and IPv4, or 0.0.0.0 on a host without IPv6
  --port PORT        default: 53; 0 for any that is free
  --zone FILE        a zone in master-file syntax (RFC 1035), may be repeated; default: example.zone
  --max-size BYTES   the largest answer sent, 512 to 65535; default: 4096`

/** An error that the user can correct: printed as one line, without a stack. */
class UserError extends Error {}

interface Settings {
  address: string | undefined
  port: number
  zones: Zone[]
  maxSize: number
}

function settings(): Settings | undefined {
  const { values } = parseArguments()
  if (values.help === true) return undefined
  const { address, port = '53', zone = [join(__dirname, 'example.zone')], 'max-size': maxSize = '4096' } = values
  if (address !== undefined && isIP(address) === 0) throw new UserError(`--address ${address}: not an IP address`)
  const zones = zone.map(loadZone)
  const origins = zones.map(({ origin }) => origin)
  const twice = origins.find((origin, index) => origins.indexOf(origin) !== index)
  if (twice !== undefined) throw new UserError(`two of the files hold the zone ${twice}`)
  return {
    address,
    port: integer('--port', port, 0, 65535),
    zones,
    maxSize: integer('--max-size', maxSize, 512, 65535),
  }
}

function parseArguments() {
  try {
    return parseArgs({
      options: {
        address: { type: 'string' },
        port: { type: 'string' },
        zone: { type: 'string', multiple: true },
        'max-size': { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UserError(messageOf(error))
  }
}

function integer(option: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
    throw new UserError(`${option} ${text}: not an integer from ${minimum} to ${maximum}`)
  }
  return value
}

function loadZone(file: string): Zone {
  try {
    return readZone(file)
  } catch (error) {
    if (error instanceof ZoneError) throw new UserError(error.message)
    throw new UserError(`--zone ${file}: ${messageOf(error)}`)
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
const report = (error: unknown) => console.error(`dns-server: ${messageOf(error)}`)

async function listen(address: string, port: number): Promise<Socket> {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
  try {
    const listening = once(socket, 'listening')
    socket.bind(port, address)
    await listening
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

async function listenAnywhere(port: number): Promise<Socket> {
  try {
    return await listen('::', port)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error
    return await listen('0.0.0.0', port)
  }
}

function serve(socket: Socket, { zones, maxSize }: Settings): void {
  socket.on('message', (query, info) => {
    if (info.port === 0) return // nothing can be sent to port 0
    const data = answer(zones, query, { maxSize, onError: report })
    if (data === undefined) return
    socket.send({ data, ...replyTo(info) }, (error) => {
      if (error !== null) report(error)
    })
  })
  socket.on('error', report)
}

async function main(): Promise<void> {
  const chosen = settings()
  if (chosen === undefined) {
    console.log(USAGE)
    return
  }
  const { address, port } = chosen
  const socket = await (address === undefined ? listenAnywhere(port) : listen(address, port))
  serve(socket, chosen)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => socket.close())
  const bound = socket.address()
  console.log(`listening on udp ${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`)
}

main().catch((error: unknown) => {
  report(error)
  process.exitCode = error instanceof UserError ? 2 : 1
})
