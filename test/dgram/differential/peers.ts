// The other ends: plain sockets of node:dgram, whichever side is being recorded.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { bytes, type Ports } from './normalise'
import type { PeerName } from './steps'

/** What the multicast peer is a member of, on the loopback interface. */
export const GROUP = '239.255.77.1'

interface Got {
  peer: string
  address: string
  port: number
  data: string
}

export class Peers {
  private readonly got: Got[] = []
  private arrived: (() => void) | undefined

  private constructor(
    private readonly sockets: Readonly<Record<PeerName, dgram.Socket | undefined>>,
    private readonly barrierFrom: dgram.Socket,
    private readonly barrierTo: dgram.Socket,
  ) {
    for (const [peer, socket] of Object.entries(sockets)) {
      socket?.on('message', (data, { address, port }) => this.got.push({ peer, address, port, data: bytes(data) }))
    }
    barrierTo.on('message', () => this.arrived?.())
  }

  static async open(): Promise<Peers> {
    const bound = async (type: 'udp4' | 'udp6', address: string): Promise<dgram.Socket> => {
      const socket = dgram.createSocket(type)
      socket.bind(0, address)
      await once(socket, 'listening')
      return socket
    }
    const group = await bound('udp4', '0.0.0.0')
    group.addMembership(GROUP, '127.0.0.1')
    const [barrierFrom, barrierTo] = [await bound('udp4', '127.0.0.1'), await bound('udp4', '127.0.0.1')]
    barrierFrom.connect(barrierTo.address().port, '127.0.0.1')
    await once(barrierFrom, 'connect')
    const sockets = {
      peer4: await bound('udp4', '127.0.0.1'),
      peer6: await bound('udp6', '::1').catch(() => undefined),
      group,
    }
    return new Peers(sockets, barrierFrom, barrierTo)
  }

  get hasIPv6(): boolean {
    return this.sockets.peer6 !== undefined
  }

  names(ports: Ports): void {
    for (const [name, socket] of Object.entries(this.sockets)) {
      if (socket !== undefined) ports.name(socket.address().port, name)
    }
  }

  port(name: PeerName): number {
    return this.sockets[name]!.address().port
  }

  isPeer(name: string): name is PeerName {
    return Object.hasOwn(this.sockets, name)
  }

  send(name: PeerName, port: number, data: string): void {
    this.sockets[name]!.send(data, port)
  }

  take(): Got[] {
    return this.got.splice(0)
  }

  /**
   * Until a datagram has gone over loopback. Its backlog is one queue for each CPU, and we run on one CPU: what was
   * sent before is in its socket then.
   */
  async barrier(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.arrived = resolve
      this.barrierFrom.send('barrier')
    })
  }

  close(): void {
    for (const socket of [...Object.values(this.sockets), this.barrierFrom, this.barrierTo]) socket?.close()
  }
}
