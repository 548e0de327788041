// Where the bytes of a message lie: memory of all kinds, that can be written to and taken away.
import vm from 'node:vm'
import type { Random } from './random'

export interface Memory {
  readonly data: Uint8Array | Uint8Array[]
  /** What the caller may do as soon as the call is settled. */
  overwrite(): void
  /** Takes away, or cuts, the memory of all views but the first. Whether there was one. */
  spoil(): boolean
}

/** Says nothing true of itself. */
class Liar extends Uint8Array {
  static get [Symbol.species](): typeof Uint8Array {
    return Uint8Array
  }
  override get byteLength(): number {
    return 3
  }
  override get length(): number {
    return 1_000_000
  }
  override get byteOffset(): number {
    return 77
  }
  override get buffer(): ArrayBuffer {
    return new ArrayBuffer(1)
  }
}

const foreign = vm.runInNewContext('Uint8Array') as Uint8ArrayConstructor
type Resizable = new (length: number, options: { maxByteLength: number }) => ArrayBuffer
const ResizableBuffer = ArrayBuffer as unknown as Resizable

interface Piece {
  readonly view: Uint8Array
  readonly buffer: ArrayBuffer
  readonly start: number
  readonly size: number
  readonly own: boolean
}

const kinds = ['slow', 'slow', 'slow', 'pool', 'inside', 'array', 'liar', 'realm', 'resizable', 'tracking'] as const

function lay(bytes: Uint8Array, random: Random): Piece {
  const size = bytes.length
  const piece = (view: Uint8Array, buffer: ArrayBuffer, start: number, own = true): Piece => {
    new Uint8Array(buffer, start, size).set(bytes)
    return { view, buffer, start, size, own }
  }
  const kind = random.one(kinds)
  if (kind === 'pool') {
    const view = Buffer.allocUnsafe(size)
    return piece(view, view.buffer, view.byteOffset, false)
  }
  const start = kind === 'inside' || kind === 'liar' ? random.below(64) : 0
  const length = start + size + (kind === 'inside' ? random.below(64) : 0)
  if (kind === 'resizable' || kind === 'tracking') {
    const buffer = new ResizableBuffer(length, { maxByteLength: length + 64 })
    return piece(kind === 'tracking' ? new Uint8Array(buffer) : new Uint8Array(buffer, 0, size), buffer, 0)
  }
  const buffer = new ArrayBuffer(length)
  switch (kind) {
    case 'liar':
      return piece(new Liar(buffer, start, size), buffer, start)
    case 'realm':
      return piece(new foreign(buffer, start, size), buffer, start)
    case 'array':
      return piece(new Uint8Array(buffer, start, size), buffer, start)
    default:
      return piece(Buffer.from(buffer, start, size), buffer, start)
  }
}

function overwrite({ buffer, start, size }: Piece): void {
  if (size === 0 || buffer.byteLength < start + size) return // taken away
  new Uint8Array(buffer, start, size).fill(0xee)
}

function spoil({ buffer, own }: Piece, random: Random): boolean {
  if (!own || buffer.byteLength === 0) return false
  const { resizable } = buffer as { resizable?: boolean }
  if (resizable === true && random.chance(0.5)) {
    ;(buffer as unknown as { resize: (length: number) => void }).resize(random.below(buffer.byteLength))
  } else {
    structuredClone(buffer, { transfer: [buffer] })
  }
  return true
}

/** Lays out bytes as one view or as several. The first of several holds at least `least` bytes. */
export function layOut(bytes: Uint8Array, random: Random, least: number): Memory {
  const pieces: Piece[] = []
  const several = random.chance(0.25)
  if (several) {
    const count = random.weighted([
      [8, random.between(1, 4)],
      [1, random.between(60, 80)],
    ])
    const cuts = Array.from({ length: count }, () => random.between(Math.min(least, bytes.length), bytes.length))
    let from = 0
    for (const to of [...cuts.sort((one, other) => one - other), bytes.length]) {
      pieces.push(lay(bytes.subarray(from, to), random))
      from = to
    }
  } else {
    pieces.push(lay(bytes, random))
  }
  const own = random.fork()
  return {
    data: several ? pieces.map(({ view }) => view) : pieces[0]!.view,
    overwrite: () => {
      pieces.forEach(overwrite)
    },
    spoil: () => pieces.slice(1).filter((piece) => spoil(piece, own)).length > 0,
  }
}

/** What is no data, or none that can be sent. */
export function wrongData(random: Random): unknown {
  const gone = new Uint8Array(8)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  return random.one<unknown>([
    gone,
    [new Uint8Array(4), gone],
    new Uint8Array(new SharedArrayBuffer(8)),
    [Buffer.alloc(3), new Uint8Array(new SharedArrayBuffer(8))],
    new ArrayBuffer(8),
    new Uint16Array(4),
    new DataView(new ArrayBuffer(4)),
    'text',
    ['text'],
    [[new Uint8Array(4)]],
    undefined,
    null,
    {},
    7,
    new Array(2000).fill(new Uint8Array(1)),
    new Array(3),
    Object.create(Uint8Array.prototype),
    Symbol('data'),
  ])
}
