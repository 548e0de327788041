// The hook as the tests of Windows see it: hook.c, loaded by scripts/test-windows.mjs.

interface Counts {
  /** Of the process. */
  handles: number
  /** Calls of WSASendMsg; those with control data; those that the model refused or a fault met. */
  calls: number
  withControl: number
  refused: number
  /** Calls with an OVERLAPPED; those that returned WSA_IO_PENDING; those that completed at once. */
  overlapped: number
  pending: number
  immediate: number
  /** Calls with UDP_SEND_MSG_SIZE. */
  trains: number
  /** Sockets that UDP_RECV_MAX_COALESCED_SIZE was set for. */
  coalescing: number
  /** SIO_UDP_CONNRESET and SIO_UDP_NETRESET. */
  connectionResetsOn: number
  connectionResetsOff: number
  networkResetsOff: number
}

/** Where a fault is met. */
export const Place = { anyCall: 0, withoutOverlapped: 1, withOverlapped: 2, atCompletion: 3 } as const

/** What the next message that is received shall be told with. */
export interface ReceiveChange {
  /** The Winsock error that the call fails with: WSAEMSGSIZE beside a message, any other in its place. */
  error?: number
  /** Of WSAMSG.dwFlags. */
  flags?: number
  /** The byte count. */
  bytes?: number
  /** The control data, and its length where that is told wrong. */
  control?: Buffer
  controlTold?: number
}

export interface Hook {
  counts(): Counts
  /** After `after` calls of WSASendMsg in that place the next `count` fail with `error`. */
  inject(error: number, count: number, after?: number, place?: number): void
  /** Percent of the calls that have no room, and of the overlapped ones that wait. */
  injectAtRandom(wouldBlock: number, pending: number, seed: number): void
  /** Overlapped operations that start while it is on stay pending until it is off. */
  hold(on: boolean): void
  /** Sockets that send overlapped find no room, and have none until they are closed. */
  keepFull(on: boolean): void
  changeReceived(change: ReceiveChange): void
}

const path = process.env['SENDMSG_HOOK']
// eslint-disable-next-line @typescript-eslint/no-require-imports
export const hook = path === undefined || path === '' ? undefined : (require(path) as Hook)

export const elsewhere = process.platform !== 'win32' && 'it is about Windows'
/** Why what needs the hook is skipped. */
export const unhooked = elsewhere || (hook === undefined && 'the hook is not loaded')

/** No faults, and nothing is held any more. */
export function heal(): void {
  hook!.inject(0, 0)
  hook!.injectAtRandom(0, 0, 1)
  hook!.hold(false)
}
