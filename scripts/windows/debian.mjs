// A Debian in a folder, for what this machine's own is too old or too new for. Needs root.

import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..', '..')

const inherited = { stdio: ['ignore', 'inherit', 'inherit'] }

/** The mirror that this machine's apt has for Debian itself. */
function aptMirror() {
  const filter = ['Created-By: Packages', 'Origin: Debian', 'Label: Debian', 'Component: main']
  const listing = execFileSync('apt-get', ['indextargets', '--format', '$(SITE)', ...filter], { encoding: 'utf8' })
  const mirror = listing.split('\n')[0]
  if (mirror === '')
    throw new Error('no mirror of Debian in the apt sources of this machine: name one with --mirror URL')
  return mirror
}

// Mounts are in a namespace of their own, and go away with its last process. The project has the same path inside.
const enter = `
  home=$1 project=$2
  shift 2
  for directory in /dev /proc /sys; do mount --rbind "$directory" "$home$directory"; done
  mount -t tmpfs tmpfs "$home/tmp"
  mkdir -p "$home$project"
  mount --bind "$project" "$home$project"
  exec "$@"
`

/** Runs a program of this machine that can `chroot` into the Debian in `home`; gives its exit status. */
export function runBeside(home, program, args) {
  const script = ['sh', '-euc', enter, 'sh', home, root, program, ...args]
  const { status, signal, error } = spawnSync('unshare', ['--mount', '--propagation', 'private', ...script], inherited)
  if (error !== undefined) throw error
  return status ?? signal
}

function installDebootstrap() {
  const { error } = spawnSync('debootstrap', ['--version'])
  if (error === undefined) return
  try {
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'debootstrap'], inherited)
  } catch {
    throw new Error('debootstrap is missing: apt-get install debootstrap')
  }
}

/** Makes the release `suite` of Debian with some packages in `home`, unless it is there. */
export function prepareDebian(home, suite, packages, mirror) {
  if (process.getuid() !== 0) throw new Error('debootstrap and chroot need root')
  const ready = path.join(home, 'ready')
  if (existsSync(ready)) return
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  execFileSync('apt-get', ['update', '-qq'], inherited)
  installDebootstrap()
  const bootstrap = ['debootstrap', '--variant=minbase', suite, home, mirror ?? aptMirror()]
  execFileSync('unshare', ['--mount', '--propagation', 'private', ...bootstrap], inherited)
  copyFileSync('/etc/hosts', path.join(home, 'etc', 'hosts'))
  const install = ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages]
  const status = runBeside(home, 'chroot', [home, 'env', 'DEBIAN_FRONTEND=noninteractive', ...install])
  if (status !== 0) throw new Error(`${install.join(' ')} in ${home}: exit status ${status}`)
  writeFileSync(ready, '')
}
