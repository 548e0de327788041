// Puts node-addon-api's headers into the package while it is packed: who installs it compiles, and has no dev
// dependencies. Afterwards --remove takes them away again.
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const vendor = path.resolve(import.meta.dirname, '..', 'vendor')
rmSync(vendor, { recursive: true, force: true })
if (!process.argv.includes('--remove')) {
  const from = path.dirname(createRequire(import.meta.url).resolve('node-addon-api/package.json'))
  const to = path.join(vendor, 'node-addon-api')
  mkdirSync(to, { recursive: true })
  for (const name of ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h', 'LICENSE.md']) {
    cpSync(path.join(from, name), path.join(to, name))
  }
}
