// Runs the fuzzer (test/fuzz/) against dist/ and the addon that are there.
//
//     npm run fuzz -- [--seed S] [--seeds N] [--calls N] [--processes N] [--episode E] [--trace] [--without HABIT,…]
//
// Without a seed it takes one at random, and prints it. --trace writes every call to standard error.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { build } from 'esbuild'

const root = path.resolve(import.meta.dirname, '..')
const outdir = path.join(root, '.cache', 'fuzz')
await build({
  entryPoints: ['main', 'run'].map((name) => path.join(root, 'test', 'fuzz', `${name}.ts`)),
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: ['sendmsg'],
  outdir,
  logLevel: 'warning',
})
const { status } = spawnSync(process.execPath, [path.join(outdir, 'run.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
process.exit(status ?? 1)
