// allocations.c, compiled.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** What to preload. */
export let allocations: string | undefined
/** Why there is nothing to preload; false where there is. */
export let noAllocations: string | false = false

if (process.platform === 'linux') {
  const directory = mkdtempSync(path.join(tmpdir(), 'sendmsg-allocations-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  allocations = path.join(directory, 'allocations.so')
  const source = path.join(__dirname, 'allocations.c')
  const flags = ['-shared', '-fPIC', '-O1', '-o', allocations, source, '-ldl', '-pthread']
  const { error, status } = spawnSync('cc', flags)
  if (error !== undefined) noAllocations = 'there is no C compiler here'
  else if (status !== 0) noAllocations = 'not with this C library'
  else {
    const tried = spawnSync(process.execPath, ['-e', ''], { env: { ...process.env, LD_PRELOAD: allocations } })
    if (tried.status !== 0 || tried.stderr.length > 0) noAllocations = 'it cannot be preloaded here'
  }
} else {
  noAllocations = 'this is about Linux'
}
