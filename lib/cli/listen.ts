import { Option, type Command } from 'commander'
import { isIPv4 } from 'node:net'
import {
  createSocket,
  recvmmsg,
  replyTo,
  sendmsg,
  type Message,
  type ReceiveInfoName,
  type Socket,
  type SocketType,
} from '../index'
import { bind } from './binding'
import { endpoint } from './endpoint'
import { describeError, isUserError, UserError } from './errors'
import { interrupt } from './interrupt'
import { integer, localPort, milliseconds } from './parse'
import { print } from './output'
import { receivedJson, receivedText } from './received'
import { everythingKnown, receiveInfoHelp, receiveInfoOption } from './receive-info'

interface ListenOptions {
  address?: string
  type?: SocketType
  protocol?: number
  ipv6Only?: boolean
  reuseAddr?: boolean
  reusePort?: boolean
  count?: number
  timeout?: number
  echo?: boolean
  json?: boolean
  coalesce?: boolean
  info: 'all' | 'none' | ReceiveInfoName[]
  ignoreUnsupported?: boolean
  show: number
}

export function addListen(program: Command): void {
  program
    .command('listen')
    .description('Print each datagram that arrives, with everything known about it.')
    .argument('[port]', 'port to bind; 0 takes a free one', localPort, 0)
    .option('--address <address>', 'address to bind (default: the wildcard address)')
    .addOption(
      new Option('--type <type>', 'kind of socket (default: dual-stack udp6, or udp4 for an IPv4 --address)').choices([
        'udp4',
        'udp6',
        'raw4',
        'raw6',
      ]),
    )
    .option('--protocol <number>', 'IP protocol of a raw socket, 0 to 255', integer(0, 255))
    .option('--ipv6-only', 'no IPv4 on a udp6 socket')
    .option('--reuse-addr', 'SO_REUSEADDR')
    .option('--reuse-port', 'SO_REUSEPORT')
    .option('--count <number>', 'end after that many datagrams', integer(1, Infinity))
    .option('--timeout <ms>', 'end when nothing came for that long; an error if --count was not reached', milliseconds)
    .option('--echo', 'send each datagram back, from the address that it was sent to')
    .option('--json', 'print one line of JSON for each datagram; everything else goes to stderr')
    .option('--coalesce', 'let the kernel coalesce datagrams, and print them joined')
    .option(
      '--info <names>',
      `what the kernel is to report: all, none, or ${receiveInfoHelp()}, with commas between`,
      receiveInfoOption,
      'all',
    )
    .option('--ignore-unsupported', 'leave out what this kernel cannot report, in place of an error')
    .option('--show <bytes>', 'print at most that much of the data', integer(0, 65535), 512)
    .addHelpText(
      'after',
      `
Ends at SIGINT, SIGTERM, --count or --timeout.

Examples:
  $ sendmsg listen 5000
  $ sendmsg listen 5000 --echo --count 1
  $ sendmsg listen 5000 --address 127.0.0.2 --info timestamp --json
  $ sudo sendmsg listen --type raw4 --protocol 1`,
    )
    .action(listen)
}

async function listen(port: number, options: ListenOptions): Promise<void> {
  checkOptions(port, options)
  const socket = await openSocket(port, options)
  const { signal, release } = interrupt()
  try {
    const { address, port: bound } = socket.address()
    const line = `listening on ${describeType(options)} ${endpoint(address, isRaw(options.type) ? 0 : bound)}\n`
    if (options.json) process.stderr.write(line)
    else process.stdout.write(line)
    await receive(socket, options, signal)
  } finally {
    release()
    socket.close()
  }
}

function checkOptions(port: number, { type, protocol, echo, ipv6Only, info, coalesce }: ListenOptions): void {
  if (isRaw(type)) {
    if (protocol === undefined) throw new UserError(`--type ${type} needs --protocol`)
    if (port !== 0) throw new UserError('a raw socket has no port')
    // A raw socket on loopback receives its own answer, and would answer that.
    if (echo) throw new UserError('--echo is for udp sockets')
  } else if (protocol !== undefined) throw new UserError('--protocol is for raw sockets')
  if (info === 'none') {
    if (echo) throw new UserError('--echo needs the destination, which --info none does not ask for')
    if (coalesce) throw new UserError('--coalesce needs the segment size, which --info none does not ask for')
  }
  if (ipv6Only && type?.endsWith('4')) throw new UserError('--ipv6-only is for IPv6 sockets')
}

function isRaw(type: SocketType | undefined): type is 'raw4' | 'raw6' {
  return type === 'raw4' || type === 'raw6'
}

function describeType({ type, protocol }: ListenOptions): string {
  return isRaw(type) ? `${type} protocol ${protocol}` : 'udp'
}

async function openSocket(port: number, options: ListenOptions): Promise<Socket> {
  if (options.type) return await openAs(options.type, port, options)
  if (options.address !== undefined && isIPv4(options.address)) return await openAs('udp4', port, options)
  try {
    return await openAs('udp6', port, options)
  } catch (error) {
    const withoutIPv6 = error instanceof Error && 'code' in error && error.code === 'EAFNOSUPPORT'
    if (!withoutIPv6 || options.address !== undefined || options.ipv6Only) throw error
    return await openAs('udp4', port, options)
  }
}

async function openAs(type: SocketType, port: number, options: ListenOptions): Promise<Socket> {
  const { info } = options
  const receiveInfo = info === 'all' ? everythingKnown(type) : info === 'none' ? false : info
  const socket = createSocket({
    type,
    pull: true,
    protocol: options.protocol,
    ipv6Only: options.ipv6Only,
    reuseAddr: options.reuseAddr,
    reusePort: options.reusePort,
    receiveInfo: options.coalesce && receiveInfo ? [...new Set([...receiveInfo, 'segmentSize' as const])] : receiveInfo,
    unsupported: options.ignoreUnsupported ? 'ignore' : 'error',
  })
  try {
    await bind(socket, options.address, port)
  } catch (error) {
    socket.close()
    throw error
  }
  return socket
}

async function receive(socket: Socket, options: ListenOptions, signal: AbortSignal): Promise<void> {
  const { count = Infinity, timeout } = options
  let received = 0
  while (received < count && !signal.aborted) {
    let messages: Message[]
    try {
      messages = await recvmmsg(socket, { signal, timeout, count: Math.min(32, count - received) })
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Error && 'code' in error && error.code === 'ETIMEDOUT')) throw error
      if (count === Infinity) return
      throw new UserError(`timed out after ${received} of ${count} datagrams`)
    }
    for (const message of messages) {
      received++
      const text = options.json ? `${receivedJson(message)}\n` : receivedText(message, received, options.show)
      await print(text, signal)
      if (options.echo) await echo(socket, message, signal)
    }
  }
}

/** Answers one datagram. A peer that cannot be reached does not end listening. */
async function echo(socket: Socket, message: Message, signal: AbortSignal): Promise<void> {
  const { data, segmentSize } = message
  try {
    await sendmsg(socket, { data, segmentSize, ...replyTo(message) }, { signal })
  } catch (error) {
    if (signal.aborted) return
    if (!isUserError(error)) throw error
    process.stderr.write(`sendmsg: no echo: ${describeError(error)}\n`)
  }
}
