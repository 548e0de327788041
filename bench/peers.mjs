// The peers beside C and dgram: how each is started here, or why it isn't there.
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fetchPackage } from '../scripts/npm-package.mjs'

const run = promisify(execFile)
const here = import.meta.dirname
const cache = join(here, '..', '.cache')

const BUN = '1.4.4'

const FINDERS = {
  async bun() {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('fetched for Linux on x64 only')
    const bun = { name: '@oven/bun-linux-x64', version: BUN, members: ['bin/bun'] }
    return [join(fetchPackage(bun, join(cache, 'bun', BUN)), 'bin', 'bun'), join(here, 'peers', 'bun.mjs')]
  },
  async python() {
    await run('python3', ['-c', 'import socket; socket.socket.sendmsg'])
    return ['python3', join(here, 'peers', 'python.py')]
  },
  /** With Debian's golang-go and golang-golang-x-net-dev. */
  async go() {
    const binary = join(cache, 'bench', 'go')
    await mkdir(join(cache, 'bench'), { recursive: true })
    await run('go', ['build', '-o', binary, join(here, 'peers', 'go.go')], {
      env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
    })
    return [binary]
  },
}

/** The commands of those that are there, by name; tells of each other why it is left out. */
export async function findPeers(tell) {
  const commands = {}
  for (const [name, find] of Object.entries(FINDERS)) {
    try {
      commands[name] = await find()
    } catch (error) {
      const [reason] = (error.stderr || error.message).trim().split('\n')
      tell(`${name} is left out: ${reason}`)
    }
  }
  return commands
}
