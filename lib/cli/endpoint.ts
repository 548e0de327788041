import { isIPv6 } from 'node:net'

/** `127.0.0.1:53` or `[::1]:53`; the address alone if there is no port, as on raw sockets. */
export function endpoint(address: string, port: number): string {
  if (port === 0) return address
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}
