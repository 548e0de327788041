import { spawn, type ChildProcessByStdio } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createSocket, sendmsg, type OutgoingMessage, type SendingSocket, type Socket } from 'sendmsg'

const root = path.dirname(require.resolve('sendmsg/package.json'))

/** What arrived, in order. */
export interface Arrived {
  numbers: number[]
  lengths: number[]
  /** Numbers of the datagrams whose bytes are not as they were sent. */
  spoilt: number[]
}

/** A receiver outside of this process: test/witness/count_datagrams.py. */
export class Witness {
  private constructor(
    private readonly child: ChildProcessByStdio<null, Readable, null>,
    private readonly lines: AsyncIterator<string>,
    readonly port: number,
  ) {}

  static async start(): Promise<Witness> {
    const child = spawn('python3', [path.join(root, 'test', 'witness', 'count_datagrams.py')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const first = await lines.next()
    return new Witness(child, lines, Number(first.value))
  }

  get to(): { address: string; port: number } {
    return { address: '127.0.0.1', port: this.port }
  }

  /** What arrived until now: everything goes one way, so what was sent before the end is there before the end. */
  async finish(): Promise<Arrived> {
    const socket = dgram.createSocket('udp4')
    await new Promise<void>((sent, failed) => {
      socket.send('end', this.port, '127.0.0.1', (error) => {
        if (error) failed(error)
        else sent()
      })
    })
    socket.close()
    const line = await this.lines.next()
    await once(this.child, 'close')
    return JSON.parse(String(line.value))
  }
}

/** The bytes of datagram `number`. */
export function datagram(number: number, length: number): Buffer {
  const data = Buffer.alloc(length, number & 0xff)
  data.writeUInt32BE(number)
  return data
}

/** `count` datagrams, from number `first` on, one behind the other. */
export function train(first: number, count: number, segmentSize: number, last = segmentSize): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => datagram(first + index, index < count - 1 ? segmentSize : last)),
  )
}

export const numbersTo = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => first + index)

/** Datagrams that `fill` sends. */
export const FILLING = 300

/**
 * Sends a train that is longer than any room there is, datagrams `first` to `first + FILLING - 1`: its rest waits, and
 * so does what is sent behind it.
 */
export function fill(socket: SendingSocket, to: { address: string; port: number }, first: number): number {
  void settled(sendmsg(socket, { data: train(first, FILLING, 1200), segmentSize: 1200, ...to }))
  return FILLING
}

/** A socket that does not hold the event loop. */
export const sender = (sendBufferSize?: number): Socket => createSocket({ type: 'udp4', pull: true, sendBufferSize })

export interface Settled {
  value?: number
  code?: string | undefined
  name?: string
  syscall?: string | undefined
  sent?: number | undefined
  bytes?: number | undefined
}

/** How a promise was settled, for JSON. */
export async function settled(promise: Promise<number>): Promise<Settled> {
  try {
    return { value: await promise }
  } catch (error) {
    const { code, name, syscall, sent, bytes } = error as Error & Settled
    return { code, name, syscall, sent, bytes }
  }
}

/** How often each code (or 'sent') came. */
export function tally(results: readonly Settled[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { value, code, name } of results) {
    const key = value !== undefined ? 'sent' : name === 'AbortError' ? name : (code ?? name ?? '?')
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

export interface Resources {
  descriptors: number
  handles: string[]
}

/** Descriptors that are open, and what holds the event loop. */
export async function resources(): Promise<Resources> {
  // Handles that were closed are gone after a turn of the loop.
  for (let turn = 0; turn < 3; turn++) await new Promise((next) => setImmediate(next))
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().sort(),
  }
}

/** Flags of a descriptor, as fcntl(2) F_GETFL has them. */
export function flagsOf(descriptor: number): number {
  const found = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${String(descriptor)}`, 'utf8'))
  return Number.parseInt(found?.[1] ?? '', 8)
}

export const messageTo = (witness: Witness, number: number, length = 100): OutgoingMessage => ({
  data: datagram(number, length),
  ...witness.to,
})
