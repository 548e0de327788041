// Descriptors that a script gives to bind().
import { closeSync, openSync } from 'node:fs'
import type { Descriptor } from './steps'

/** UDP sockets of nobody's come with the process, in SENDMSG_DESCRIPTORS: JavaScript cannot make one. */
export class Descriptors {
  private readonly udp = (process.env['SENDMSG_DESCRIPTORS'] ?? '').split(' ').filter(Boolean).map(Number)
  private readonly file = openSync('/dev/null', 'r')

  take(kind: Descriptor['kind']): number {
    switch (kind) {
      case 'file':
        return this.file
      case 'closed':
        return 4000
      default: {
        const descriptor = this.udp.shift()
        if (descriptor === undefined) throw new Error('No more descriptors')
        return descriptor
      }
    }
  }

  close(): void {
    closeSync(this.file)
    for (const descriptor of this.udp) closeSync(descriptor)
  }
}
