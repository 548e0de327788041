// Builds the two sides of the hook that lets control data through Wine: test/windows/hook*.c, control_send.c.

import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { linkAddon } from '../build-windows.mjs'
import { nodeHeaders } from '../node-headers.mjs'

const root = path.resolve(import.meta.dirname, '..', '..')
const sources = path.join(root, 'test', 'windows')
const flags = ['-O2', '-Wall', '-Wextra', '-Werror']
const hookSources = ['hook', 'hook_hold', 'hook_options', 'hook_receive', 'hook_send', 'patch']

/** Returns the paths of the addon for Windows and of the library to preload into Wine. */
export async function buildHook(directory) {
  const work = path.join(directory, 'objects')
  mkdirSync(work, { recursive: true })
  const define = ['-std=c11', '-DBUILDING_NODE_EXTENSION', '-DNAPI_EXTERN=', '-DNAPI_VERSION=8']
  const objects = hookSources.map((name) => {
    const object = path.join(work, `${name}.o`)
    execFileSync('x86_64-w64-mingw32-gcc-posix', [
      ...[...flags, ...define, '-isystem', nodeHeaders(), '-c', path.join(sources, `${name}.c`), '-o', object],
    ])
    return object
  })
  const hook = path.join(directory, 'hook.node')
  await linkAddon(objects, hook, ['-lws2_32'], work)
  const preload = path.join(directory, 'control_send.so')
  execFileSync('cc', [
    ...flags,
    '-std=gnu11',
    '-fPIC',
    '-shared',
    path.join(sources, 'control_send.c'),
    '-o',
    preload,
    '-ldl',
  ])
  return { hook, preload }
}
