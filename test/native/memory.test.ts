// What received messages hold alive, measured; scripts/memory-messages.cjs does the same at length (npm run test:memory).
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import t from 'tap'

const script = path.resolve('scripts/memory-messages.cjs')

t.test('a kept message holds 64 kB at most, a small one 8 kB', async (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script, '--kept', '100'], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
    timeout: 60_000,
  })
  t.equal(stderr, '')
  const lines = stdout.trim().split('\n')
  for (const line of lines) t.match(line, /: right$/, line)
  t.equal(lines.length, 11)
  t.equal(status, 0)
})
