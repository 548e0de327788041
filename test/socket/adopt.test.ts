// bind({ fd }): descriptors that somebody else opened.
import path from 'node:path'
import t from 'tap'
import { isLocal } from '../helpers/sockets'
import { noPeer } from '../helpers/peer'

const skip = (process.platform !== 'linux' && 'looks at descriptors in /proc, which is Linux only') || noPeer
const kinds = {
  activated: 'udp4',
  udp4: 'udp4',
  far: 'udp4',
  near: 'connected to far',
  spare4: 'udp4',
  options: 'udp4',
  file: 'file',
  pipe: 'pipe',
  tcp: 'tcp',
  unix: 'unix',
  ...(isLocal('::1') && { udp6: 'udp6', spare6: 'udp6' }),
}
const lend = path.resolve('test/witness/lend_descriptors.py')
const inside = [process.execPath, ...process.execArgv, path.resolve('test/linux/adopt.ts')]
const title = "with Python's descriptors"
if (skip === false) void t.spawn('python3', [lend, JSON.stringify(kinds), ...inside], title)
else t.test(title, { skip }, async () => {})
