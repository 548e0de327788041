// Builds test/windows/contract.cc, the test addon on the backend's contract, with the objects that build-windows.mjs made
// of the addon's own sources.

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { addonTarget, compile, compilerFlags, linkAddon, objectOf } from '../build-windows.mjs'

/** The addon's Node-API surface, in whose place the test addon is. */
const surface = /^(addon|arguments|endpoint\w*|find_handle|instance)\.cc$/

/** Returns the path of the addon. */
export async function buildContract(directory) {
  const work = path.join(directory, 'objects')
  mkdirSync(work, { recursive: true })
  const addon = addonTarget()
  const object = path.join(work, 'contract.o')
  await compile(path.join('test', 'windows', 'contract.cc'), object, compilerFlags(addon))
  const backend = addon.sources.filter((source) => !surface.test(path.basename(source))).map(objectOf)
  const output = path.join(directory, 'contract.node')
  await linkAddon([object, ...backend], output, addon.libraries, work)
  return output
}
