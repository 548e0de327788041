// Compiled by `npm run lint`, never run: a socket of ours goes where a `dgram.Socket` is expected.
import type dgram from 'node:dgram'
import type { AddressInfo, BlockList } from 'node:net'
import ours, { createSocket, Socket, type RemoteInfo, type SocketOptions } from 'sendmsg'

export const socket: dgram.Socket = createSocket('udp4')
export const made: dgram.Socket = new Socket({ type: 'udp6', reuseAddr: true })
export const inPlace: typeof dgram.createSocket = createSocket
export const byDefault: typeof dgram.createSocket = ours.createSocket

declare const blockList: BlockList
const options: dgram.SocketOptions = { type: 'udp4', recvBufferSize: 1 << 20, lookup: undefined }
const lists: SocketOptions = { type: 'udp4', receiveBlockList: blockList, sendBlockList: blockList }
createSocket(options, (data: Buffer, info: dgram.RemoteInfo) => info.size - data.length)
createSocket(lists).on('message', (data: Buffer, info: RemoteInfo) => info.size - data.length)

function library(given: dgram.Socket): AddressInfo {
  given.on('message', (data, info) => given.send(data, info.port, info.address))
  given.bind({ port: 0, exclusive: true }, () => given.addMembership('224.0.0.251'))
  return given.address()
}

const mine = createSocket('udp4')
library(mine)
mine.on('message', (data, info) =>
  mine.send({ data, address: info.address, port: info.port, source: info.destination }),
)
mine.once('listening', () => mine.setMulticastTTL(mine.setTTL(3)))
mine.on('messages', (messages) => messages.map(({ data }) => data.length))
mine.on('datagramError', ({ code, offender, mtu }) => [code, offender, mtu])
mine.send('text', 0, 4, 53, '127.0.0.1', (error, bytes) => [error, bytes])
mine.connect(53, '127.0.0.1', () => mine.remoteAddress().port)
// @ts-expect-error: a port is a number
mine.connect('53')
