import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'

/** What a descriptor is that is no datagram socket, in the words of ERR_INVALID_FD_TYPE (uv_guess_handle). */
export function fdType(descriptor: number): string {
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
