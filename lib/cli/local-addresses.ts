import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'

/** Why this host cannot bind the address; undefined if it can. */
export async function whyNotLocal(address: string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    socket.once('error', (error) => {
      socket.close()
      resolve(error.message)
    })
    socket.bind({ address, port: 0 }, () => {
      socket.close()
      resolve(undefined)
    })
  })
}
