// Runs main.ts, bundled, with one version of Node.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { onOneCpu } from '../../helpers/one-cpu'
import type { Report } from './entries'

const run = promisify(execFile)
/** As many as the scripts take, on both sides. */
const DESCRIPTORS = 24

/** Makes the program; below the package, so that it finds the package by its name. */
export async function bundle(directory: string): Promise<string> {
  const outfile = path.join(directory, 'differential.cjs')
  await build({
    entryPoints: [path.join(__dirname, 'main.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    external: ['sendmsg'],
    outfile,
    logLevel: 'warning',
  })
  return outfile
}

export async function report(node: string, program: string, against: 'ours' | 'self'): Promise<Report> {
  const witness = path.resolve('test/witness/with_descriptors.py')
  const [command, ...args] = onOneCpu(['python3', witness, String(DESCRIPTORS), node, program, against])
  const { stdout } = await run(command!, args, { maxBuffer: 2 ** 28 })
  return JSON.parse(stdout) as Report
}
