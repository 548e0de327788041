// The structure of the prebuilt binaries that are there (npm run prebuild): what they ask for of the system that loads them.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'

interface Target {
  name: string
  platform: 'linux' | 'darwin' | 'win32'
  arch: 'x64' | 'arm64' | 'arm' | 'riscv64' | 'ppc64' | 's390x' | 'ia32'
  libc?: 'glibc' | 'musl'
  file: string
}

interface Structure {
  format: 'ELF' | 'Mach-O' | 'PE'
  machine: string
  bits: number
  exports: string[]
}

interface Elf extends Structure {
  little: boolean
  needed: string[]
  paths: string[]
  now: boolean
  executableStack: boolean
  imports: string[]
  versions: string[]
}

interface MachO extends Structure {
  libraries: string[]
  imports: string[]
  id: string
  macos: string
  segments: { name: string; address: number; offset: number }[]
  signature: {
    magic: boolean
    end: boolean
    adhoc: boolean
    sha256: boolean
    covered: boolean
    pages: number
    wrong: number
  }
}

interface Pe extends Structure {
  libraries: string[]
}

const MOST_BYTES = 80_000
/** Why some are longer: known misses, and not another bound. */
const KNOWN_MISSES: Readonly<Record<string, string>> = {
  'linux-ppc64': 'its calls are longer than those of all others',
  'darwin-arm64': 'its segments are pages of 16 kB, and the code needs one more',
  'win32-x64': 'overlapped sends, and the runtime that other systems have in a library',
  'win32-arm64': 'as win32-x64',
}
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** e_machine, IMAGE_FILE_MACHINE and cputype. */
const MACHINES = {
  linux: {
    x64: ['EM_X86_64', 64, true],
    arm64: ['EM_AARCH64', 64, true],
    arm: ['EM_ARM', 32, true],
    riscv64: ['EM_RISCV', 64, true],
    ppc64: ['EM_PPC64', 64, true],
    s390x: ['EM_S390', 64, false],
  },
  darwin: { x64: 'x86_64', arm64: 'arm64' },
  win32: {
    x64: ['IMAGE_FILE_MACHINE_AMD64', 64],
    ia32: ['IMAGE_FILE_MACHINE_I386', 32],
    arm64: ['IMAGE_FILE_MACHINE_ARM64', 64],
  },
} as const

/** The glibc of the oldest system that Node 20 runs on; riscv64 begins with 2.27, and is built for that. */
const GLIBC = { riscv64: 2.27, others: 2.28 }

/** Of Windows itself, since Windows 10 (api-ms-win-crt: the Universal C Runtime). */
const OF_WINDOWS = /^(?:kernel32|ws2_32|iphlpapi|ntdll|msvcrt|ucrtbase|api-ms-win-crt-[a-z]+-l1-1-0)\.dll$/

function checkElf(t: Test, target: Target, found: Elf): void {
  const [machine, bits, little] = MACHINES.linux[target.arch as keyof typeof MACHINES.linux]
  t.same([found.machine, found.bits, found.little], [machine, bits, little])
  const libraries =
    target.libc === 'musl'
      ? /^libc\.so$/
      : /^(?:lib(?:c|m|dl|pthread)\.so\.6|lib(?:dl|pthread)\.so\.[02]|ld.*\.so\.[12])$/
  for (const name of found.needed) t.match(name, libraries)
  t.same(found.paths, [], 'looks for no libraries elsewhere')
  t.notOk(found.now, 'what a runtime lacks is missed when it is called')
  t.notOk(found.executableStack)
  t.notOk(
    found.imports.some((name) => /^_Z|^__cxa_(?!finalize)/.test(name)),
    'no C++ library',
  )
  const floor = target.arch === 'riscv64' ? GLIBC.riscv64 : GLIBC.others
  for (const version of found.versions) {
    const [, number] = /^GLIBC_(\d+\.\d+)(?:\.\d+)?$/.exec(version) ?? []
    t.ok(target.libc === 'glibc' && isAtMost(number, floor), version)
  }
}

/** 2.9 is older than 2.28. */
function isAtMost(version: string | undefined, most: number): boolean {
  const [major, minor] = (version ?? '').split('.').map(Number)
  const [mostMajor, mostMinor] = String(most).split('.').map(Number)
  return major === mostMajor && minor! <= mostMinor!
}

function checkMachO(t: Test, target: Target, found: MachO): void {
  t.equal(found.machine, MACHINES.darwin[target.arch as keyof typeof MACHINES.darwin])
  t.same(found.libraries, ['/usr/lib/libSystem.B.dylib'])
  t.equal(found.id, '@rpath/sendmsg.node')
  t.equal(found.macos, '11.0')
  const page = target.arch === 'arm64' ? 0x4000 : 0x1000
  for (const { name, address, offset } of found.segments) t.same([address % page, offset % page], [0, 0], name)
  const { pages, ...signature } = found.signature
  t.same(signature, { magic: true, end: true, adhoc: true, sha256: true, covered: true, wrong: 0 })
  t.ok(pages > 0)
  t.notOk(
    found.imports.some((name) => /^__Z|^___cxa_/.test(name)),
    'no C++ library',
  )
}

function checkPe(t: Test, target: Target, found: Pe): void {
  t.same([found.machine, found.bits], MACHINES.win32[target.arch as keyof typeof MACHINES.win32])
  for (const name of found.libraries) t.match(name, OF_WINDOWS)
  t.notOk(found.libraries.includes('node.exe'), 'loads in a program of any name')
}

const targets = JSON.parse(
  execFileSync(process.execPath, ['scripts/prebuild/main.mjs', '--list', '--json'], { encoding: 'utf8' }),
) as Target[]
const placeOf = ({ file }: Target): string => path.join('prebuilds', file)

/** Debian's, which has the modules. */
const python = '/usr/bin/python3'
const whyNot =
  spawnSync(python, ['-c', 'import elftools, pefile']).status === 0
    ? undefined
    : `no ${python} with pyelftools and pefile; on Debian: python3-pyelftools, python3-pefile`
const present = whyNot === undefined ? targets.filter((target) => existsSync(placeOf(target))) : []
const structures = JSON.parse(
  present.length === 0
    ? '{}'
    : execFileSync(python, ['test/package/prebuilds/structure.py', ...present.map(placeOf)], { encoding: 'utf8' }),
) as Record<string, Elf | MachO | Pe>

for (const target of targets) {
  const file = placeOf(target)
  const missing = present.includes(target) ? false : (whyNot ?? `not built: npm run prebuild -- ${target.name}`)
  t.test(target.name, { skip: missing }, async (t) => {
    const found = structures[file]!
    const { size } = statSync(file)
    const todo = KNOWN_MISSES[`${target.platform}-${target.arch}`] ?? false
    t.ok(size < MOST_BYTES, `${String(size)} bytes`, { todo })
    t.same(
      found.exports.map((name) => name.replace(found.format === 'Mach-O' ? /^_/ : /^/, '')),
      EXPORTS,
    )
    if (target.platform === 'linux') checkElf(t, target, found as Elf)
    else if (target.platform === 'darwin') checkMachO(t, target, found as MachO)
    else checkPe(t, target, found as Pe)
  })
}
