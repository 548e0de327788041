// Memory for what is received that cannot be had: V8 says so by a RangeError.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import t from 'tap'
import { allocations, noAllocations } from '../helpers/allocations'

t.test('no chunk to receive into', { skip: noAllocations }, async (t) => {
  for (const way of ['tryRecvmmsg', 'recvmsg', "'message'"]) {
    const script = path.join(__dirname, 'no-chunks.cjs')
    const env = { ...process.env, NODE_OPTIONS: '', LD_PRELOAD: allocations }
    const { stdout, stderr } = spawnSync(process.execPath, [script, way], { env, encoding: 'utf8' })
    t.equal(stderr, '', `${way}: the process lives`)
    const { numbers, errors, failed } = JSON.parse(stdout) as { numbers: number[]; errors: string[]; failed: number }
    t.ok(failed > 0, `${way}: allocations failed`)
    t.ok(
      errors.every((name) => name === 'RangeError'),
      `${way}: who receives is told, by V8's own error`,
      { errors },
    )
    const expected = Array.from({ length: 200 }, (_, at) => at)
    t.same(numbers, expected, `${way}: nothing lost, nothing twice, in order`)
  }
})
