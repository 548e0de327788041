import { execFileSync } from 'node:child_process'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')

const SYSTEMS = { darwin: 'mac', win32: 'win' }

/** What binding.gyp says of the addon on a platform. */
export function addonOn(platform) {
  const script = path.join(root, 'scripts', 'gyp-sources.py')
  const args = [script, path.join(root, 'binding.gyp'), 'sendmsg', SYSTEMS[platform] ?? platform]
  const python = process.platform === 'win32' ? 'python' : 'python3'
  return JSON.parse(execFileSync(python, args, { encoding: 'utf8' }))
}
