import { fromTransfer, outOfMemory, type ErrorPlace, type SocketError } from '../errors/socket-error'

/** Adds to the error of a segmented message how many of its bytes were sent. */
export const withBytes = <E extends Error>(error: E, bytes: number): E =>
  bytes > 0 ? Object.assign(error, { bytes }) : error

/** The error for a native status. `sent`: bytes of the message that the kernel took before. */
export const sendFailure = (
  status: number,
  syscall: string,
  connected: boolean,
  place: Readonly<ErrorPlace> | undefined,
  sent: number,
): SocketError => withBytes(fromTransfer(status, syscall, connected, place), sent)

/** The error for what copying the rest of a message threw: there is no memory, or the data is detached. */
export const copyFailure = (error: unknown, syscall: string): Error =>
  error instanceof RangeError ? outOfMemory(syscall) : (error as Error)
