import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'

/** What a datagram looked like to test/witness/datagrams.py. */
export interface Seen {
  address: string
  port: number
  data: string
  trafficClass: number | null
}

/** The Python peer of test/witness/datagrams.py. */
export class Witness {
  port = 0
  private readonly lines: AsyncIterator<string>

  private constructor(private readonly child: ChildProcess) {
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  static async start(address: string): Promise<Witness> {
    const script = path.resolve('test/witness/datagrams.py')
    const witness = new Witness(spawn('python3', [script, address], { stdio: ['pipe', 'pipe', 'inherit'] }))
    witness.port = ((await witness.read()) as { port: number }).port
    return witness
  }

  /** The next datagram that came; rejects when none comes. */
  async next(): Promise<Seen> {
    return (await this.read()) as Seen
  }

  send(address: string, port: number, data: string): void {
    this.child.stdin!.write(`${JSON.stringify({ address, port, data })}\n`)
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return
    this.child.stdin!.end()
    await once(this.child, 'exit')
  }

  private async read(): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error('the witness saw nothing for 20 s'))
      }, 20_000)
    })
    try {
      const line = await Promise.race([this.lines.next(), late])
      if (line.done === true) throw new Error('the witness ended')
      return JSON.parse(line.value)
    } finally {
      clearTimeout(timer)
    }
  }
}
