// What there are prebuilt binaries for, as data: where prebuildify puts each, and how the cross compiler is told of it.

/** A toolchain for ARMv7 with the floating-point unit that Debian's armhf and Raspberry Pi OS ask for, and no NEON. */
const ARMV7 = ['-mcpu=generic+v7a+vfp3d16']

/** The oldest glibc that there is for a processor, in Zig, of those that Node 20 runs with. */
const linux = (arch, cpu, { glibc = '2.17', abi = '', flags = [] } = {}) =>
  ['glibc', 'musl'].map((libc) => ({
    name: `linux-${arch}-${libc}`,
    platform: 'linux',
    arch,
    libc,
    zig: libc === 'glibc' ? `${cpu}-linux-gnu${abi}.${glibc}` : `${cpu}-linux-musl${abi}`,
    flags,
    file: `linux-${arch}/sendmsg.${arch === 'arm' ? 'armv7.' : ''}${libc}.node`,
  }))

const other = (platform, arch, zig, more) => ({
  name: `${platform}-${arch}`,
  platform,
  arch,
  zig,
  flags: [],
  file: `${platform}-${arch}/sendmsg.node`,
  ...more,
})

/** The oldest macOS that Node 20 runs on is 10.15, and of arm64 there is none before 11.0. */
export const MACOS = '11.0'

export const TARGETS = [
  ...linux('x64', 'x86_64'),
  ...linux('arm64', 'aarch64'),
  ...linux('arm', 'arm', { abi: 'eabihf', flags: ARMV7 }),
  ...linux('riscv64', 'riscv64', { glibc: '2.27' }),
  ...linux('ppc64', 'powerpc64le', { glibc: '2.19' }),
  ...linux('s390x', 's390x'),
  other('darwin', 'x64', `x86_64-macos.${MACOS}`, { machine: 'x86_64' }),
  other('darwin', 'arm64', `aarch64-macos.${MACOS}`, { machine: 'arm64' }),
  other('win32', 'x64', 'x86_64-windows-gnu'),
  other('win32', 'ia32', 'x86-windows-gnu'),
  other('win32', 'arm64', 'aarch64-windows-gnu'),
]
