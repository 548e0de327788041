// The least that each platform must do, written down here and not taken from the code: what a test asks of
// capabilities() can only be skipped where this page does not ask for it. A new field belongs here, too.
import type { ReceiveInfoName, SendField, Support } from 'sendmsg'

type Family = 'IPv4' | 'IPv6'
type Fields<Name extends string> = Readonly<Partial<Record<Name, Readonly<Partial<Record<Family, Support>>>>>>

export interface Floor {
  readonly send: Fields<SendField>
  readonly receive: Fields<ReceiveInfoName>
  readonly flags: readonly string[]
  readonly maxSegments: number
}

const both = { IPv4: 'kernel', IPv6: 'kernel' } as const

/** Where nothing is known of control messages. */
const plain: Floor = {
  send: { segmentSize: { IPv4: 'emulated', IPv6: 'emulated' }, control: both },
  receive: { control: both },
  flags: ['dontRoute'],
  maxSegments: 1,
}

/** Every field that there is; Linux 5.0 or newer, as Node 20 wants 4.18. */
const linux: Floor = {
  send: {
    source: both,
    interface: both,
    trafficClass: both,
    ecn: both,
    dscp: both,
    hopLimit: both,
    dontFragment: { IPv4: 'emulated', IPv6: 'kernel' },
    segmentSize: both,
    sendTime: both,
    mark: both,
    control: both,
  },
  receive: {
    destination: both,
    interface: both,
    cast: both,
    trafficClass: both,
    ecn: both,
    dscp: both,
    hopLimit: both,
    timestamp: both,
    dropped: both,
    segmentSize: both,
    control: both,
  },
  flags: ['dontRoute', 'confirm'],
  maxSegments: 64,
}

/** Control data that qemu-user may lose. */
const emulated: Floor = { send: { control: both }, receive: { control: both }, flags: [], maxSegments: 1 }

const darwin: Floor = {
  send: {
    source: both,
    interface: both,
    trafficClass: both,
    ecn: both,
    dscp: both,
    hopLimit: { IPv4: 'emulated', IPv6: 'kernel' },
    dontFragment: { IPv4: 'emulated', IPv6: 'kernel' },
    segmentSize: { IPv4: 'emulated', IPv6: 'emulated' },
    control: both,
  },
  receive: {
    destination: both,
    interface: both,
    cast: both,
    trafficClass: both,
    ecn: both,
    dscp: both,
    hopLimit: both,
    timestamp: both,
    control: both,
  },
  flags: ['dontRoute'],
  maxSegments: 1,
}

const freebsd: Floor = { ...darwin, send: { ...darwin.send, interface: { IPv6: 'kernel' } } }

/** Windows 10 and Windows Server 2016; newer ones do more, and which of them is not yet known. */
const windows: Floor = {
  send: { ...plain.send, source: both, interface: both, dontFragment: { IPv4: 'emulated', IPv6: 'emulated' } },
  receive: { destination: both, interface: both, cast: both, hopLimit: both, control: both },
  flags: ['dontRoute'],
  maxSegments: 1,
}

const { SENDMSG_WINE: wine, SENDMSG_HOOK: hook, SENDMSG_QEMU: qemu } = process.env
const platforms: Readonly<Partial<Record<NodeJS.Platform, Floor>>> = { linux, darwin, freebsd, win32: windows }

/** What this platform must do. qemu-user and Wine without its hook lose control data: there nothing of it is asked for. */
export const floor: Floor =
  qemu !== undefined
    ? emulated
    : wine !== undefined && hook === undefined
      ? plain
      : (platforms[process.platform] ?? plain)

/** Whether a field may be missing here, so that a test of it can be skipped. */
export const mayLack = (direction: 'send' | 'receive', field: SendField | ReceiveInfoName, family: Family): boolean =>
  (floor[direction] as Fields<string>)[field]?.[family] === undefined
