// Socket options: TTLs, broadcast, buffer sizes, with good and bad values.
import { call, create, settle, type Script, type Step } from '../steps'

const numbers = [0, 1, 64, 255, 256, -1, 1.5, NaN, Infinity, '64', null, undefined, {}, true, 10n, 2 ** 32 + 1]
const sizes = [0, 1, 4096, 65536.5, -1, 2 ** 31, 2 ** 32, NaN, Infinity, '4096', null, undefined, {}, true]
const booleans = [true, false, 1, 0, 'yes', '', null, undefined, {}]
const bound: Step[] = [create('a', 'udp4'), call('a', 'bind', 0, '127.0.0.1'), settle]

const each = (method: string, values: readonly unknown[], ...after: Step[]): Script => ({
  name: `${method} of a bound socket`,
  steps: [...bound, ...values.flatMap((value) => [call('a', method, value), ...after])],
})

const before = (method: string, values: readonly unknown[]): Script => ({
  name: `${method} of a new socket, any value`,
  steps: [
    create('a', 'udp4'),
    ...values.map((value) => call('a', method, value)),
    call('a', 'close'),
    call('a', method, values[0]),
  ],
})

export const optionScripts: Script[] = [
  each('setTTL', numbers),
  each('setMulticastTTL', numbers),
  each('setBroadcast', booleans),
  each('setMulticastLoopback', booleans),
  each('setRecvBufferSize', sizes, call('a', 'getRecvBufferSize')),
  each('setSendBufferSize', sizes, call('a', 'getSendBufferSize')),
  before('setTTL', numbers),
  before('setMulticastTTL', numbers),
  before('setBroadcast', booleans),
  before('setMulticastLoopback', booleans),
  before('setRecvBufferSize', sizes),
  before('setSendBufferSize', sizes),
]

export const optionSixScripts: Script[] = ['setTTL', 'setMulticastTTL', 'setMulticastLoopback'].map((method) => ({
  name: `${method} of udp6`,
  steps: [
    create('a', 'udp6'),
    call('a', 'bind', 0, '::1'),
    settle,
    ...(method === 'setMulticastLoopback' ? booleans : numbers).map((value) => call('a', method, value)),
  ],
}))
