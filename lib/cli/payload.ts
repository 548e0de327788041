import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { UserError } from './errors'
import { hexBytes } from './parse'

type Data = Uint8Array | readonly Uint8Array[]

export interface PayloadOptions {
  dataFile?: string[]
  lines?: boolean
  hex?: boolean
  count: number
}

/** The data of each message to send: from the argument, the files (gathered in order), or stdin. */
export async function* payloads(
  argument: string | undefined,
  options: PayloadOptions,
  signal: AbortSignal,
): AsyncGenerator<Data> {
  if (argument !== undefined && options.dataFile) throw new UserError('data is given twice')
  if (options.lines && (argument !== undefined || options.dataFile)) {
    throw new UserError('--lines is for data from stdin')
  }
  if (options.lines) {
    const lines = createInterface({ input: process.stdin, crlfDelay: Infinity, signal })
    for await (const line of lines) yield bytes(line, options)
    signal.throwIfAborted()
    return
  }
  const data = await wholeData(argument, options, signal)
  for (let sent = 0; sent < options.count; sent++) yield data
}

async function wholeData(argument: string | undefined, options: PayloadOptions, signal: AbortSignal): Promise<Data> {
  if (argument !== undefined) return bytes(argument, options)
  if (options.dataFile) return await Promise.all(options.dataFile.map((file) => readFile(file)))
  const data = await buffer(addAbortSignal(signal, process.stdin))
  return options.hex ? bytes(data.toString('latin1'), options) : data
}

function bytes(text: string, { hex }: PayloadOptions): Buffer {
  if (!hex) return Buffer.from(text)
  const data = hexBytes(text)
  if (!data) throw new UserError('--hex: the data must be pairs of hexadecimal digits')
  return data
}

export function byteLength(data: Data): number {
  return data instanceof Uint8Array ? data.byteLength : data.reduce((sum, view) => sum + view.byteLength, 0)
}
