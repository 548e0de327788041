import { lookup } from 'node:dns/promises'
import { isIP, isIPv6 } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Option, type Command } from 'commander'
import {
  createSocket,
  recvmmsg,
  sendmmsg,
  sendmsg,
  SocketError,
  trySendmsg,
  type OutgoingMessage,
  type Socket,
  type SocketType,
} from '../index'
import { bind, connect } from './binding'
import { UserError } from './errors'
import { interrupt } from './interrupt'
import { addMessageOptions, messageFields, type MessageOptions } from './message-options'
import { plural, print } from './output'
import { collect, integer, localPort, milliseconds, remotePort } from './parse'
import { byteLength, payloads, type PayloadOptions } from './payload'
import { Progress } from './progress'
import { receivedJson, receivedText } from './received'
import { everythingKnown } from './receive-info'

interface SendOptions extends MessageOptions, PayloadOptions {
  type?: SocketType
  protocol?: number
  bind?: string
  bindPort?: number
  connect?: boolean
  timeout?: number
  interval: number
  batch?: number
  wait?: number
  json?: boolean
  ignoreUnsupported?: boolean
  show: number
}

export function addSend(program: Command): void {
  const command = program
    .command('send')
    .description('Send datagrams, with any field of a message.')
    .argument('<address>', 'destination; a host name is resolved here, by dns.lookup')
    .argument('[port]', 'destination port; left out on raw sockets')
    .argument('[data]', 'what to send (default: all of stdin)')
    .option('--data-file <file>', 'send what is in the file; can be repeated, the parts are gathered', collect)
    .option('--lines', 'send each line of stdin as a datagram')
    .option('--hex', 'the data is written in hexadecimal')
    .optionsGroup('Socket:')
    .addOption(
      new Option('--type <type>', 'kind of socket (default: udp4 or udp6, by the destination)').choices([
        'udp4',
        'udp6',
        'raw4',
        'raw6',
      ]),
    )
    .option('--protocol <number>', 'IP protocol of a raw socket, 0 to 255', integer(0, 255))
    .option('--bind <address>', 'local address to bind')
    .option('--bind-port <port>', 'local port to bind', localPort)
    .option('--connect', 'connect to the destination first')
    .option('--ignore-unsupported', 'leave out fields that this kernel cannot honour, in place of an error')
  addMessageOptions(command)
    .optionsGroup('How often and how long:')
    .addOption(
      new Option('--count <number>', 'send the data that many times')
        .argParser(integer(1, Infinity))
        .default(1)
        .conflicts('lines'),
    )
    .option('--interval <ms>', 'pause between messages, or between batches', milliseconds, 0)
    .option('--batch <number>', 'give the kernel that many messages at a time (sendmmsg)', integer(1, 65536))
    .option('--timeout <ms>', 'how long a message may wait for room in the send buffer', milliseconds)
    .option('--wait <ms>', 'print the answers that arrive until that long after the last message', milliseconds)
    .optionsGroup('Output:')
    .option('--json', 'print answers and the summary as lines of JSON')
    .option('--show <bytes>', "print at most that much of an answer's data", integer(0, 65535), 512)
    .addHelpText(
      'after',
      `
Examples:
  $ sendmsg send 127.0.0.1 5000 hello
  $ sendmsg send 127.0.0.1 5000 hello --source 127.0.0.3 --ecn 1 --hop-limit 5
  $ sendmsg send ::1 5000 --data-file segments.bin --segment-size 1200
  $ sendmsg send localhost 5000 ping --wait 500
  $ sendmsg send 192.0.2.1 5000 tick --count 100000 --batch 64
  $ sudo sendmsg send 127.0.0.1 --type raw4 --protocol 1 --hex 0800f7fd00010001 --wait 500`,
    )
    .action(send)
}

async function send(
  host: string,
  second: string | undefined,
  third: string | undefined,
  options: SendOptions,
  command: Command,
): Promise<void> {
  const { port, data } = positional(second, third, options, command)
  const address = await resolveAddress(host, options.type)
  const type = options.type ?? (isIPv6(address) ? 'udp6' : 'udp4')
  const socket = createSocket({
    type,
    pull: true,
    protocol: options.protocol,
    receiveInfo: options.wait === undefined ? [] : everythingKnown(type),
    sendTime: options.sendTime !== undefined,
    unsupported: options.ignoreUnsupported ? 'ignore' : 'error',
  })
  try {
    if (options.bind !== undefined || options.bindPort !== undefined) {
      await bind(socket, options.bind, options.bindPort ?? 0)
    }
    // Port 0 stands for none on a raw socket.
    if (options.connect) await connect(socket, address, port ?? 0)
    const destination = options.connect ? {} : port === undefined ? { address } : { address, port }
    await sendAndWait(socket, destination, data, options)
  } finally {
    socket.close()
  }
}

/** Raw sockets have no port, so that the data comes second. */
function positional(
  second: string | undefined,
  third: string | undefined,
  options: SendOptions,
  command: Command,
): { port: number | undefined; data: string | undefined } {
  if (options.type?.startsWith('raw')) {
    if (options.protocol === undefined) throw new UserError(`--type ${options.type} needs --protocol`)
    if (third !== undefined) throw new UserError('a raw socket has no port: give the address and the data only')
    return { port: undefined, data: second }
  }
  if (options.protocol !== undefined) throw new UserError('--protocol is for raw sockets')
  if (second === undefined) throw new UserError('the destination port is missing')
  try {
    return { port: remotePort(second), data: third }
  } catch {
    return command.error(`'${second}' is not a port, 1 to 65535`)
  }
}

/** In messages an address is never a name, so names are resolved here. */
async function resolveAddress(host: string, type: SocketType | undefined): Promise<string> {
  if (isIP(host) !== 0) return host
  const family = type === 'udp4' || type === 'raw4' ? 4 : type === 'raw6' ? 6 : 0
  return (await lookup(host, { family })).address
}

type Destination = Pick<OutgoingMessage, 'address' | 'port'>

async function sendAndWait(
  socket: Socket,
  destination: Destination,
  data: string | undefined,
  options: SendOptions,
): Promise<void> {
  const { signal, exitCode, release } = interrupt()
  const finished = new AbortController()
  signal.addEventListener('abort', () => finished.abort())
  const answers = options.wait === undefined ? undefined : printAnswers(socket, options, finished.signal)
  // A failure is reported below, when sending is done.
  answers?.catch(() => undefined)
  try {
    await new Sender(socket, destination, options, signal).run(data)
    if (answers) {
      await Promise.race([setTimeout(options.wait, undefined, { signal: finished.signal }), answers])
    }
  } catch (error) {
    if (!signal.aborted) throw error
    process.exitCode = exitCode()
  } finally {
    release()
    finished.abort()
  }
  await answers
}

/** Prints answers until `signal` aborts. */
async function printAnswers(socket: Socket, { json, show }: SendOptions, signal: AbortSignal): Promise<void> {
  let number = 0
  while (!signal.aborted) {
    try {
      for (const message of await recvmmsg(socket, { signal })) {
        await print(json ? `${receivedJson(message)}\n` : receivedText(message, ++number, show), signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}

/** Sends all messages. At the end, also after an error, it prints how many were sent. */
class Sender {
  readonly #socket: Socket
  readonly #destination: Destination
  readonly #options: SendOptions
  readonly #signal: AbortSignal
  readonly #started = performance.now()
  #yielded = performance.now()
  #messages = 0
  #datagrams = 0
  #bytes = 0

  constructor(socket: Socket, destination: Destination, options: SendOptions, signal: AbortSignal) {
    this.#socket = socket
    this.#destination = destination
    this.#options = options
    this.#signal = signal
  }

  async run(argument: string | undefined): Promise<void> {
    const progress = new Progress(this.#options.lines ? 0 : this.#options.count)
    try {
      let batch: OutgoingMessage[] = []
      for await (const data of payloads(argument, this.#options, this.#signal)) {
        batch.push({ data, ...this.#destination, ...messageFields(this.#options) })
        if (batch.length < (this.#options.batch ?? 1)) continue
        await this.#pause()
        await this.#submit(batch)
        progress.update(this.#messages)
        batch = []
      }
      if (batch.length > 0) await this.#submit(batch)
    } catch (error) {
      progress.stop()
      if (this.#messages > 0) this.#report()
      throw error
    }
    progress.stop()
    this.#report()
  }

  /** Waits the interval, and lets timers, signals and answers have their turn. */
  async #pause(): Promise<void> {
    const { interval } = this.#options
    if (interval > 0 && this.#messages > 0) await setTimeout(interval, undefined, { signal: this.#signal })
    else if (performance.now() - this.#yielded > 10) await setImmediate(undefined, { signal: this.#signal })
    else return
    this.#yielded = performance.now()
  }

  async #submit(batch: OutgoingMessage[]): Promise<void> {
    const wait = { signal: this.#signal, timeout: this.#options.timeout }
    if (this.#options.batch === undefined) {
      for (const message of batch) {
        if (trySendmsg(this.#socket, message) === null) await sendmsg(this.#socket, message, wait)
        this.#count(message)
      }
      return
    }
    try {
      await sendmmsg(this.#socket, batch, wait)
    } catch (error) {
      const sent = error instanceof SocketError ? (error.sent ?? 0) : 0
      batch.slice(0, sent).forEach((message) => this.#count(message))
      throw error
    }
    batch.forEach((message) => this.#count(message))
  }

  #count({ data, segmentSize }: OutgoingMessage): void {
    const length = byteLength(data)
    this.#messages++
    this.#bytes += length
    this.#datagrams += segmentSize === undefined ? 1 : Math.max(1, Math.ceil(length / segmentSize))
  }

  #report(): void {
    const seconds = (performance.now() - this.#started) / 1000
    const [datagrams, bytes] = [this.#datagrams, this.#bytes]
    process.stdout.write(
      this.#options.json
        ? `${JSON.stringify({ sent: { datagrams, bytes, seconds } })}\n`
        : `sent ${plural(datagrams, 'datagram')}, ${plural(bytes, 'byte')} in ${seconds.toFixed(3)} s\n`,
    )
  }
}
