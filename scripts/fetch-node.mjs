// Fetches Node binaries for the tests, and prints the path of each.
//
//   node scripts/fetch-node.mjs [VERSION…]     without arguments: those of node-versions.json
//
// They are kept in .cache/node/<version>/bin/node; what is there already is not fetched again.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const cache = path.join(root, '.cache', 'node')

function versionOf(binary) {
  return execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim().slice(1)
}

function fetchNode(version) {
  const home = path.join(cache, version)
  const binary = path.join(home, 'bin', 'node')
  if (existsSync(binary)) return binary
  mkdirSync(cache, { recursive: true })
  const fresh = mkdtempSync(path.join(cache, 'fetch-'))
  try {
    const archive = `node-linux-${process.arch}-${version}.tgz`
    const spec = `node-linux-${process.arch}@${version}`
    execFileSync('npm', ['pack', '--pack-destination', fresh, spec], { cwd: fresh, stdio: 'pipe' })
    execFileSync('tar', ['-xzf', archive, 'package/bin/node', 'package/LICENSE'], { cwd: fresh })
    const unpacked = path.join(fresh, 'package')
    const found = versionOf(path.join(unpacked, 'bin', 'node'))
    if (found !== version) throw new Error(`${spec} says that it is ${found}`)
    rmSync(home, { recursive: true, force: true })
    renameSync(unpacked, home)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return binary
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
