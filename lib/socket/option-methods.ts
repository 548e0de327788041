import { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import { checkBufferSize } from '../dgram/arguments'
import { bufferSizeError, fromNative, invalidArgType, notSupported, SocketError } from '../errors/socket-error'
import { report, type Endpoint } from '../native/addon'
import { Option } from '../native/constants'
import { fieldSupport } from '../probe'
import type { Offload } from '../types'
import { checkBoolean } from '../util/validate'
import { knowsSegmentation, setOption } from './endpoint-options'
import type { Lifecycle } from './lifecycle'
import { changeMembership, changeSourceMembership, setMulticastInterface, type GroupMember } from './multicast'
import type { SocketEvents } from './socket-events'
import { slotAddressInfo } from './state'

/** The methods of a socket that read and set its addresses and options. */
export abstract class OptionMethods extends EventEmitter<SocketEvents> {
  /** @internal */
  protected abstract readonly lifecycle: Lifecycle

  /** The bound address. @throws ERR_SOCKET_DGRAM_NOT_RUNNING; SocketError socket, getsockname */
  address(): AddressInfo {
    return addressInfo(this.lifecycle, open(this.lifecycle).localAddress(), 'getsockname')
  }

  /** The connected peer. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  remoteAddress(): AddressInfo {
    const endpoint = connected(this.lifecycle)
    return addressInfo(this.lifecycle, endpoint.remoteAddress(), 'getpeername')
  }

  /** SO_RCVBUF, in bytes, as the kernel counts them (socket(7): Linux doubles what it is given). */
  getRecvBufferSize(): number {
    return getBufferSize(this.lifecycle, Option.receiveBuffer)
  }

  /** SO_RCVBUF, in bytes; 0 leaves it. @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setRecvBufferSize(size: number): void {
    setBufferSize(this.lifecycle, Option.receiveBuffer, checkBufferSize(size))
  }

  /** SO_SNDBUF. */
  getSendBufferSize(): number {
    return getBufferSize(this.lifecycle, Option.sendBuffer)
  }

  /** SO_SNDBUF, in bytes; 0 leaves it. @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setSendBufferSize(size: number): void {
    setBufferSize(this.lifecycle, Option.sendBuffer, checkBufferSize(size))
  }

  /** SO_BROADCAST: whether datagrams may go to broadcast addresses. */
  setBroadcast(on: boolean): void {
    set(this.lifecycle, Option.broadcast, on ? 1 : 0, 'setBroadcast')
  }

  /** IP_TTL or IPV6_UNICAST_HOPS: the hop limit of unicast datagrams that give none, 1 to 255. @throws EINVAL */
  setTTL(ttl: number): number {
    return setHops(this.lifecycle, Option.hopLimit, ttl, 1, 'setTTL')
  }

  /** IP_MULTICAST_TTL or IPV6_MULTICAST_HOPS: that of multicast datagrams, 0 to 255. @throws EINVAL */
  setMulticastTTL(ttl: number): number {
    return setHops(this.lifecycle, Option.multicastHopLimit, ttl, 0, 'setMulticastTTL')
  }

  /** IP_MULTICAST_LOOP or IPV6_MULTICAST_LOOP: whether this host's sockets get what it sends to groups. */
  setMulticastLoopback(on: boolean): boolean {
    set(this.lifecycle, Option.multicastLoopback, on ? 1 : 0, 'setMulticastLoopback')
    return on
  }

  /**
   * The interface that multicast goes out through: its IPv4 address, or on IPv6 an address whose scope names it
   * (`'::%eth0'`). An `interface` in a message goes before it.
   * @throws SocketError EINVAL, EADDRNOTAVAIL
   */
  setMulticastInterface(interfaceAddress: string): void {
    setMulticastInterface(groupMember(this.lifecycle), interfaceAddress)
  }

  /**
   * Joins a multicast group; on a dual-stack socket an IPv4 group, too.
   * @param multicastInterface as for setMulticastInterface; without it the system chooses one
   * @throws SocketError EINVAL, EADDRINUSE (already joined), ENODEV
   */
  addMembership(multicastAddress: string, multicastInterface?: string): void {
    changeMembership(groupMember(this.lifecycle), 'addMembership', multicastAddress, multicastInterface)
  }

  /** Leaves a multicast group. @throws SocketError EADDRNOTAVAIL (not joined) */
  dropMembership(multicastAddress: string, multicastInterface?: string): void {
    changeMembership(groupMember(this.lifecycle), 'dropMembership', multicastAddress, multicastInterface)
  }

  /** Joins a multicast group for what one source sends to it (RFC 4607). */
  addSourceSpecificMembership(sourceAddress: string, groupAddress: string, multicastInterface?: string): void {
    const member = groupMember(this.lifecycle)
    changeSourceMembership(member, 'addSourceSpecificMembership', sourceAddress, groupAddress, multicastInterface)
  }

  /** Leaves a group joined for one source. */
  dropSourceSpecificMembership(sourceAddress: string, groupAddress: string, multicastInterface?: string): void {
    const member = groupMember(this.lifecycle)
    changeSourceMembership(member, 'dropSourceSpecificMembership', sourceAddress, groupAddress, multicastInterface)
  }

  /** Never fragment what this socket sends; false: let it be fragmented. @throws ENOTSUP where there is no such option */
  setDontFragment(on: boolean): void {
    checkBoolean(on, 'on')
    setOption(open(this.lifecycle), Option.dontFragment, on ? 1 : 0, 'dontFragment', this.lifecycle.options)
  }

  /**
   * Bytes that the path to the connected peer takes in one packet, IP header included, as far as the kernel knows
   * (IP_MTU, IPV6_MTU).
   * @throws ERR_SOCKET_DGRAM_NOT_CONNECTED; ENOTSUP where the kernel does not report it
   */
  getPathMTU(): number {
    const value = connected(this.lifecycle).getOption(Option.pathMtu)
    if (report.status() === 0) return value
    const error = fromNative(report.status(), 'getsockopt')
    throw error.code === 'ENOPROTOOPT' ? notSupported('pathMTU', { syscall: 'getsockopt' }) : error
  }

  /** Bytes that wait to be sent. */
  getSendQueueSize(): number {
    this.lifecycle.checkRunning()
    return this.lifecycle.handle.queue.backlog.messages.size
  }

  /** Messages that wait to be sent. */
  getSendQueueCount(): number {
    this.lifecycle.checkRunning()
    return this.lifecycle.handle.queue.backlog.messages.count
  }

  /** What is offloaded to the kernel. */
  get offload(): Offload {
    const { closed, coalescing } = this.lifecycle
    return { segmentation: !closed && offloadsSegmentation(this.lifecycle), coalescing: !closed && coalescing }
  }
}

/** The endpoint, for a call that needs a descriptor. @throws ERR_SOCKET_DGRAM_NOT_RUNNING; SocketError socket, setsockopt */
function open(lifecycle: Lifecycle): Endpoint {
  lifecycle.checkRunning()
  lifecycle.open()
  return lifecycle.handle.endpoint
}

/** The endpoint, for a call that needs a peer. @throws ERR_SOCKET_DGRAM_NOT_RUNNING, ERR_SOCKET_DGRAM_NOT_CONNECTED */
function connected(lifecycle: Lifecycle): Endpoint {
  lifecycle.checkRunning()
  lifecycle.checkConnected()
  return lifecycle.handle.endpoint
}

function groupMember(lifecycle: Lifecycle): GroupMember {
  lifecycle.checkRunning()
  return { family: lifecycle.state.family, open: () => open(lifecycle) }
}

function addressInfo({ state }: Lifecycle, status: number, syscall: string): AddressInfo {
  if (status !== 0) throw fromNative(status, syscall)
  return slotAddressInfo(state.raw)
}

/** Before the socket is open, whether the tables have it. */
function offloadsSegmentation({ opened, handle, options }: Lifecycle): boolean {
  return opened ? fieldSupport().segmentation && handle.endpoint.segmentation() === 1 : knowsSegmentation(options)
}

function set(lifecycle: Lifecycle, option: number, value: number, syscall: string): void {
  const status = open(lifecycle).setOption(option, value)
  if (status !== 0) throw fromNative(status, syscall)
}

function setHops(lifecycle: Lifecycle, option: number, hops: number, min: number, syscall: string): number {
  if (typeof hops !== 'number') throw invalidArgType('ttl', 'number', hops)
  lifecycle.checkRunning()
  const whole = hops | 0
  if (whole < min || whole > 255) throw new SocketError({ code: 'EINVAL', syscall })
  set(lifecycle, option, whole, syscall)
  return hops
}

/** An int. */
const MAX_BUFFER_SIZE = 0x7fffffff

const bufferSizeFailure = (option: number, { code, errno }: SocketError): Error =>
  bufferSizeError(option === Option.receiveBuffer ? 'uv_recv_buffer_size' : 'uv_send_buffer_size', code, errno)

function getBufferSize(lifecycle: Lifecycle, option: number): number {
  const value = open(lifecycle).getOption(option)
  if (report.status() !== 0) throw bufferSizeFailure(option, fromNative(report.status(), 'getsockopt'))
  return value
}

function setBufferSize(lifecycle: Lifecycle, option: number, size: number): void {
  lifecycle.checkRunning()
  if (size === 0) return
  if (size > MAX_BUFFER_SIZE) {
    throw bufferSizeFailure(option, new SocketError({ code: 'EINVAL', syscall: 'setsockopt' }))
  }
  const status = open(lifecycle).setOption(option, size)
  if (status !== 0) throw bufferSizeFailure(option, fromNative(status, 'setsockopt'))
}
