// The official Node, which is built for glibc, under musl's loader: with a shim for what musl lacks, so that the binaries
// for musl are run by musl.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { cache, openToolchain, root } from './toolchain.mjs'

const ARCHES = {
  x64: {
    debian: 'amd64',
    zig: 'x86_64-linux-musl',
    libraries: '/usr/lib/x86_64-linux-gnu',
    glibc: 'ld-linux-x86-64.so.2',
  },
  arm64: {
    debian: 'arm64',
    zig: 'aarch64-linux-musl',
    libraries: '/usr/aarch64-linux-gnu/lib',
    glibc: 'ld-linux-aarch64.so.1',
  },
}

/** Debian's package of musl for another processor, unpacked; apt's own state is left alone. */
function fetchMusl(arch) {
  const home = path.join(cache, 'musl', arch)
  if (existsSync(home)) return home
  const fresh = `${home}.new`
  rmSync(fresh, { recursive: true, force: true })
  for (const name of ['lists/partial', 'archives/partial'])
    mkdirSync(path.join(fresh, 'apt', name), { recursive: true })
  const options = [
    ...[`APT::Architecture=${arch}`, `APT::Architectures=${arch}`],
    ...[`Dir::State::Lists=${fresh}/apt/lists`, `Dir::Cache=${fresh}/apt`, 'Dir::State::status=/dev/null'],
  ].flatMap((option) => ['-o', option])
  const run = (command, ...args) => execFileSync(command, args, { cwd: fresh, stdio: 'pipe' })
  run('apt-get', ...options, 'update')
  run('apt-get', ...options, 'download', 'musl')
  const [archive] = readdirSync(fresh).filter((name) => name.endsWith('.deb'))
  run('dpkg-deb', '--extract', archive, '.')
  rmSync(path.join(fresh, 'apt'), { recursive: true })
  rmSync(home, { recursive: true, force: true })
  execFileSync('mv', [fresh, home])
  return home
}

/** The command that starts `node`, a binary for glibc, with musl in its place. */
export function underMusl(arch, node) {
  const { debian, zig, libraries, glibc } = ARCHES[arch]
  const musl = fetchMusl(debian)
  const [loader] = readdirSync(path.join(musl, 'lib')).filter((name) => name.startsWith('ld-musl-'))
  const home = path.join(cache, 'musl', `under-${arch}`)
  mkdirSync(home, { recursive: true })
  const { zig: compiler, env } = openToolchain()
  const shared = (source, output) =>
    execFileSync(compiler, ['cc', '-target', zig, '-shared', '-fPIC', '-O2', source, '-o', path.join(home, output)], {
      env,
    })
  const shim = path.join(root, 'test', 'package', 'prebuilds', 'musl_shim.c')
  shared(shim, 'shim.so')
  // The C++ library names glibc's loader among what it needs; musl's would load that, and fail.
  const nothing = path.join(home, 'nothing.c')
  writeFileSync(nothing, '')
  shared(nothing, glibc)
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1'])
    copyFileSync(path.join(libraries, name), path.join(home, name))
  const under = [path.join(musl, 'lib', loader), '--preload', path.join(home, 'shim.so'), '--library-path', home]
  return [...under, node]
}
