import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'

/** What a descriptor is that is no datagram socket, in dgram's words; `code` is why it was refused. */
export function fdType(descriptor: number, code: string): string {
  if (code === 'ENOTSUP') return 'TCP' // a socket of another type
  if (isatty(descriptor)) return 'TTY'
  try {
    const information = fstatSync(descriptor)
    if (information.isFile() || information.isCharacterDevice()) return 'FILE'
    if (information.isFIFO()) return 'PIPE'
  } catch {
    // It is not open.
  }
  return 'UNKNOWN'
}
