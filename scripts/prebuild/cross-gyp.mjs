#!/usr/bin/env node
// Stands in for node-gyp behind prebuildify, which calls it with PREBUILD_PLATFORM, PREBUILD_ARCH and PREBUILD_LIBC, and
// wants one build/Release/*.node in the working directory. What binding.gyp says is what is compiled.
import { buildTarget } from './build.mjs'
import { TARGETS } from './targets.mjs'

const { PREBUILD_PLATFORM: platform, PREBUILD_ARCH: arch, PREBUILD_LIBC: libc } = process.env
const target = TARGETS.find(
  (one) => one.platform === platform && one.arch === arch && (one.libc === undefined || one.libc === libc),
)

try {
  if (target === undefined) throw new Error(`nothing is built for ${platform}-${arch}`)
  await buildTarget(target, process.cwd())
} catch (error) {
  console.error(`${target?.name ?? 'prebuild'}: ${error.stderr ? String(error.stderr).trim() : error.message}`)
  process.exitCode = 1
}
