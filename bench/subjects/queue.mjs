// On a narrow loopback: the socket has no room, then waiting= messages of 100 bytes are sent at once and wait. CPU time
// from the first call until all are settled; so often that count= waited in all.
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuTime, number, tell } from './subject.mjs'
import { fill, narrow } from './narrow.mjs'

const waiting = number('waiting', 1)
const { socket, message } = await narrow()

/** What had left before the last one was called did not wait: then this time is not counted. */
async function once() {
  fill(socket, message)
  const start = cpuTime()
  const all = []
  for (let index = 0; index < waiting; index++) all.push(socket.sendmsg(message))
  const waited = socket.getSendQueueCount() > waiting / 2
  await Promise.all(all)
  return waited ? cpuTime() - start : undefined
}

await once() // compiled by now
const count = number('count', 1)
let sent = 0
let nanoseconds = 0
for (let tries = 0; sent < count; tries++) {
  await sleep(1)
  const time = await once()
  if (time !== undefined) {
    sent += waiting
    nanoseconds += time
  } else if (tries > 1000) throw new Error('nothing waits')
}
tell(sent, nanoseconds)
process.exit()
