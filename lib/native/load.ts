import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import load from 'node-gyp-build'

/** For bundles, whose own directory is not in the package: docs/platforms.md. */
const beside = join(__dirname, 'sendmsg')
/** This module lies in a directory of dist/; a bundle has the module's code, and lies somewhere else. */
const above = basename(__dirname) === 'native' ? join('..', '..') : '..'
const directory = existsSync(join(beside, 'prebuilds')) ? beside : join(__dirname, above)

// As node-gyp-build has them.
const platform = process.env['npm_config_platform'] ?? process.platform
const arch = process.env['npm_config_arch'] ?? process.arch
const libc = process.env['LIBC'] ?? (existsSync('/etc/alpine-release') ? 'musl' : 'glibc')

/** What this process runs on: glibc tells its version there, others nothing. */
function runningLibc(): string {
  try {
    // The report would look up the names of the peers of all sockets.
    const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
    const { excludeNetwork = false } = report
    report.excludeNetwork = true
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
    report.excludeNetwork = excludeNetwork
    return header.glibcVersionRuntime === undefined ? 'another libc than glibc' : `glibc ${header.glibcVersionRuntime}`
  } catch {
    // Other runtimes have no such report.
    return 'an unknown libc'
  }
}

function contentOf(path: string): string {
  try {
    return `${path}: ${readdirSync(path).sort().join(', ') || 'empty'}`
  } catch (error) {
    return `${path}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not there' : (error as Error).message}`
  }
}

function looked(): string[] {
  const from = process.env['SENDMSG_PREBUILD'] ?? directory
  const builds = process.env['PREBUILDS_ONLY'] ? [] : [join('build', 'Release'), join('build', 'Debug')]
  const prebuilds = join('prebuilds', `${platform}-${arch}`)
  const inside = [...builds, prebuilds].map((path) => join(from, path))
  const bundled = directory === beside ? [] : [join(beside, 'prebuilds')]
  return [...bundled, ...inside, join(dirname(process.execPath), prebuilds)]
}

function explain(cause: NodeJS.ErrnoException): string {
  const onLinux = platform === 'linux'
  return [
    `No addon of sendmsg could be loaded for ${platform} ${arch}${onLinux ? ` ${libc}` : ''}.`,
    `Running Node.js ${process.versions.node}${onLinux ? ` on ${runningLibc()}` : ''}.`,
    `node-gyp-build: ${cause.message.trim()}`,
    'Looked in:',
    ...looked().map((path) => `  ${contentOf(path)}`),
    'Compile it with `npm rebuild sendmsg`, which needs Python 3, make and a C++17 compiler.',
    'A bundle wants the prebuilds/ of the package in a directory `sendmsg` beside it.',
  ].join('\n')
}

export function loadAddon(): unknown {
  try {
    return load(directory)
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    throw Object.assign(new Error(explain(cause), { cause }), { code: cause.code ?? 'MODULE_NOT_FOUND' })
  }
}
