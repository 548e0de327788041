import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

/** The directory of node_api.h: npm's nodedir, beside this node, or what node-gyp fetched. */
export function nodeHeaders() {
  const caches = { darwin: 'Library/Caches', win32: 'AppData/Local' }
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), caches[process.platform] ?? '.cache')
  const tried = [
    process.env.npm_config_nodedir ?? npmConfig('nodedir'),
    path.dirname(path.dirname(process.execPath)),
    path.join(cache, 'node-gyp', process.versions.node),
    path.join(cache, 'node-gyp', 'Cache', process.versions.node),
  ]
    .filter(Boolean)
    .map((directory) => path.join(directory, 'include', 'node'))
  const found = tried.find((directory) => existsSync(path.join(directory, 'node_api.h')))
  if (found === undefined) throw new Error(`no node_api.h in ${tried.join(', ')}`)
  return found
}

function npmConfig(name) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const answer = spawnSync(npm, ['config', 'get', name], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  }).stdout?.trim()
  return answer === 'undefined' || answer === 'null' ? undefined : answer
}
