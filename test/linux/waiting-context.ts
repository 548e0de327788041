// Runs where loopback is slow, so that sends wait for room.
import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { bytes, bound } from '../helpers/sockets'

void t.test('the async context of a callback that waited', async (t) => {
  const context = new AsyncLocalStorage<number>()
  const socket = await bound(t, { type: 'udp4', sendBufferSize: 50_000 })
  const to = { address: '127.0.0.1', port: 9 }
  const count = 100
  const seen: (number | undefined)[] = []
  let waited = 0
  await Promise.all(
    Array.from({ length: count }, (_, at) =>
      context.run(
        at,
        () =>
          new Promise<void>((resolve) => {
            socket.send({ data: bytes(8000), ...to }, () => {
              seen.push(context.getStore())
              resolve()
            })
            waited = Math.max(waited, socket.getSendQueueCount())
          }),
      ),
    ),
  )
  t.ok(waited > 0, `${waited} waited`)
  t.same(
    seen,
    Array.from({ length: count }, (_, at) => at),
  )
})
