import { Option, type Command } from 'commander'
import type { ControlMessage, OutgoingMessage } from '../index'
import { collectControl, integer, interfaceOption, sendTime, type SendTime } from './parse'

/** What the options below give. */
export interface MessageOptions {
  source?: string
  interface?: number | string
  trafficClass?: number
  ecn?: number
  dscp?: number
  hopLimit?: number
  dontFragment?: boolean
  mayFragment?: boolean
  segmentSize?: number
  sendTime?: SendTime
  dontRoute?: boolean
  confirm?: boolean
  partial?: boolean
  oob?: boolean
  control?: ControlMessage[]
}

/** An option for every field of OutgoingMessage but its data and destination. */
export function addMessageOptions(command: Command): Command {
  return command
    .optionsGroup('Fields of the message:')
    .option('--source <address>', 'local address to send from')
    .option('--interface <index or name>', 'interface to send through', interfaceOption)
    .addOption(
      new Option('--traffic-class <octet>', 'whole TOS or traffic class octet, 0 to 255')
        .argParser(integer(0, 255))
        .conflicts(['ecn', 'dscp']),
    )
    .option('--ecn <number>', 'ECN half of the octet, 0 to 3', integer(0, 3))
    .option('--dscp <number>', 'DSCP half of the octet, 0 to 63', integer(0, 63))
    .option('--hop-limit <number>', 'TTL or hop limit, 1 to 255', integer(1, 255))
    .addOption(new Option('--dont-fragment', "never fragment, don't trust a cached path MTU").conflicts('mayFragment'))
    .option('--may-fragment', 'may be fragmented')
    .option('--segment-size <bytes>', 'split the data into datagrams of this size, 1 to 65535', integer(1, 65535))
    .option(
      '--send-time <time>',
      'when the kernel shall send it: +<ns> counts from the moment of each send, <ns> is absolute on the clock of ' +
        'process.hrtime.bigint() (Linux: CLOCK_MONOTONIC); the units us, ms and s are understood, too (+5ms)',
      sendTime,
    )
    .option('--dont-route', 'MSG_DONTROUTE: only to directly connected networks')
    .option('--confirm', 'MSG_CONFIRM (Linux): the neighbour has just answered')
    .option('--partial', 'MSG_PARTIAL (Windows)')
    .option('--oob', 'MSG_OOB (Windows)')
    .option(
      '--control <level:type:hex>',
      "raw control message in the platform's own numbers and layout; can be repeated",
      collectControl,
    )
}

/** The message without its data; a relative send time is counted from now. */
export function messageFields(options: MessageOptions): Omit<OutgoingMessage, 'data'> {
  const { dontRoute, confirm, partial, oob, control } = options
  const anyFlag = dontRoute ?? confirm ?? partial ?? oob
  return {
    source: options.source,
    interface: options.interface,
    trafficClass: options.trafficClass,
    ecn: options.ecn,
    dscp: options.dscp,
    hopLimit: options.hopLimit,
    dontFragment: options.dontFragment ? true : options.mayFragment ? false : undefined,
    segmentSize: options.segmentSize,
    sendTime: absolute(options.sendTime),
    flags: anyFlag ? { dontRoute, confirm, partial, oob } : undefined,
    control,
  }
}

function absolute(time: SendTime | undefined): bigint | undefined {
  if (time === undefined) return undefined
  return time.relative ? process.hrtime.bigint() + time.nanoseconds : time.nanoseconds
}
