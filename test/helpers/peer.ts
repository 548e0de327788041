// The outside witness: test/witness/peer.py, which sends and receives with Python's own sendmsg and recvmsg.
//
// Where tests cannot start a Unix program (under Wine), they find one behind a TCP port: scripts/test-windows.mjs.
import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

const script = path.resolve('test/witness/peer.py')

interface Known {
  /** The system's numbers for raw control messages. */
  numbers: Record<string, number>
  /** Interface indices by name. */
  interfaces: Record<string, number>
}

const { SENDMSG_WITNESS_PORT: witnessPort, SENDMSG_WITNESS_KNOWN: witnessKnown } = process.env
const asked =
  witnessKnown === undefined
    ? spawnSync('python3', [script], { input: '{"op":"numbers"}\n', encoding: 'utf8' })
    : { error: undefined, status: 0, stdout: witnessKnown, stderr: '' }

/** Why there is no witness here; false where there is one. */
export const noPeer: string | false =
  asked.error !== undefined
    ? 'python3 is not installed'
    : asked.status !== 0 && `the witness does not run here: ${asked.stderr.trim().split('\n').at(-1) ?? ''}`

/** What the witness knows of the system. */
export const known: Known = noPeer === false ? JSON.parse(asked.stdout) : { numbers: {}, interfaces: {} }

/** What the witness saw, by its own control messages. */
export interface Witnessed {
  data: Buffer
  address: string
  port: number
  scope: number
  truncated: boolean
  destination?: string
  interface?: number
  trafficClass?: number
  hopLimit?: number
  mark?: number
}

/** What the witness shall send. */
export interface PeerMessage {
  data: Uint8Array | string
  address?: string
  port?: number
  source?: string
  interface?: number | string
  trafficClass?: number
  hopLimit?: number
  segmentSize?: number
}

export interface PeerOptions {
  family: 4 | 6
  address?: string
  port?: number
  /** SO_RCVBUF; 4 MiB if the system allows it. */
  buffer?: number
  /** Reports the mark of what it receives (SO_RCVMARK of Linux). */
  mark?: boolean
  /** A raw socket of this protocol. */
  protocol?: number
  /** A packet socket on this interface: what it receives starts with the IP header. */
  packets?: string
}

/** A process of the witness, with any number of sockets. */
export class Peer {
  /** 0 where it was started elsewhere. */
  readonly pid: number = 0
  private readonly commands: Writable
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  private stderr = ''

  /** `wrapper` starts it: `['unshare', '-n']` for a network namespace of its own. */
  constructor(wrapper: readonly string[] = []) {
    let answers: Readable
    if (witnessPort === undefined) {
      const argv = [...wrapper, 'python3', script]
      const child = spawn(argv[0]!, argv.slice(1))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
      this.pid = child.pid ?? 0
      this.commands = child.stdin
      answers = child.stdout
      child.on('error', (error) => (this.stderr += error.message))
      child.on('close', () => this.ended())
    } else {
      const socket = connect(Number(witnessPort), '127.0.0.1')
      this.commands = answers = socket
      socket.on('error', (error) => (this.stderr += error.message))
      socket.on('close', () => this.ended())
    }
    createInterface({ input: answers }).on('line', (line) => this.waiting.shift()?.resolve(line))
  }

  /** Ends the process. */
  end(): void {
    this.commands.end()
  }

  private ended(): void {
    for (const { reject } of this.waiting.splice(0)) reject(new Error(`The witness ended: ${this.stderr}`))
  }

  async ask(command: object): Promise<ReturnType<typeof JSON.parse>> {
    const line = await new Promise<string>((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.commands.write(`${JSON.stringify(command)}\n`)
    })
    const answer = JSON.parse(line)
    if (answer.error !== undefined) throw new Error(`The witness: ${answer.error}`)
    return answer
  }

  async open(options: PeerOptions): Promise<PeerSocket> {
    const { socket, port } = await this.ask({ op: 'open', ...options })
    return new PeerSocket(this, socket, port)
  }

  /** Options and flags of another process's socket. */
  async options(pid: number, descriptor: number): Promise<Record<string, number>> {
    return (await this.ask({ op: 'options', pid, descriptor })).options
  }

  /** Runs a command where the witness runs. */
  async run(...argv: string[]): Promise<string> {
    return (await this.ask({ op: 'run', argv })).output
  }
}

export class PeerSocket {
  constructor(
    private readonly peer: Peer,
    private readonly socket: number,
    readonly port: number,
  ) {}

  async send(...messages: PeerMessage[]): Promise<void> {
    const encoded = messages.map((message) => ({ ...message, data: Buffer.from(message.data).toString('base64') }))
    await this.peer.ask({ op: 'send', socket: this.socket, messages: encoded })
  }

  /** Waits for `count` messages, and gives all that are there: fewer or more than that, if so. */
  async receive(count: number): Promise<Witnessed[]> {
    const { messages } = await this.peer.ask({ op: 'receive', socket: this.socket, count })
    return messages.map((message: { data: string }) => ({ ...message, data: Buffer.from(message.data, 'base64') }))
  }

  async connect(address: string, port: number): Promise<void> {
    await this.peer.ask({ op: 'connect', socket: this.socket, address, port })
  }

  /** Joins a multicast group through an interface, by its name. */
  async join(group: string, through: string): Promise<void> {
    await this.peer.ask({ op: 'join', socket: this.socket, group, interface: through })
  }

  async close(): Promise<void> {
    await this.peer.ask({ op: 'close', socket: this.socket })
  }
}
