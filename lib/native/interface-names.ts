import { binding } from './addon'
import { fromNative } from '../errors/socket-error'

// if_indextoname(3) and if_nametoindex(3) are two and three system calls: too many for each datagram of a link-local peer.
// Interfaces come and go and are renamed, so what was asked is remembered for a moment only.

/** Milliseconds. */
const REMEMBERED = 100
const MOST_REMEMBERED = 256

interface Remembered<V> {
  readonly value: V
  readonly until: number
}

/** Remembers for a moment what `ask` answers, but for `nothing`. */
function remember<K, V>(ask: (key: K) => V, nothing: V): (key: K) => V {
  const known = new Map<K, Remembered<V>>()
  return (key) => {
    const now = performance.now()
    const found = known.get(key)
    if (found !== undefined && now < found.until) return found.value
    const value = ask(key)
    if (known.size >= MOST_REMEMBERED) known.clear()
    if (value === nothing) known.delete(key)
    else known.set(key, { value, until: now + REMEMBERED })
    return value
  }
}

/** The scope of an interface in text: its name, as dgram gives it; its index on Windows. */
export const interfaceId = remember((index: number) => binding.interfaceId(index), '')

/**
 * The index of the interface with this name; 0 when there is none.
 * @throws SocketError if_nametoindex: EMFILE and the like, as the look-up takes a descriptor
 */
export const interfaceIndex = remember((name: string) => {
  const index = name.includes('\0') ? 0 : binding.interfaceIndex(name)
  if (index < 0) throw fromNative(index, 'if_nametoindex')
  return index
}, 0)
