// Bundles the command line, lib/cli/main.ts, into dist/cli.js, with all that it uses from node_modules; the library
// stays outside, beside it in dist/. The licences of what was bundled go to dist/cli.licenses.txt.
//
//   node scripts/bundle.mjs [ENTRY [OUTPUT]]

import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

const root = path.resolve(import.meta.dirname, '..')
const library = path.join(root, 'lib')
const entry = path.resolve(process.argv[2] ?? path.join(library, 'cli', 'main.ts'))
const output = path.resolve(process.argv[3] ?? path.join(root, 'dist', 'cli.js'))

/** A module of lib/ outside lib/cli/ is what tsc built beside the bundle: lib/index.ts is required as ./index.js. */
const libraryStaysOutside = {
  name: 'library-stays-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^sendmsg$/ }, () => ({ path: './index.js', external: true }))
    onResolve({ filter: /^\.\.?(\/|$)/ }, ({ path: specifier, resolveDir }) => {
      const from = path.relative(library, path.resolve(resolveDir, specifier)).split(path.sep)
      if (from[0] === '..' || from[0] === 'cli' || path.isAbsolute(from[0])) return undefined
      const name = from.join('/').replace(/\.[jt]s$/, '') || 'index'
      if (!existsSync(path.join(library, `${name}.ts`))) return { errors: [{ text: `no lib/${name}.ts` }] }
      return { path: `./${name}.js`, external: true }
    })
  },
}

/** The directories of the packages that the bundle's inputs come from. */
function packagesOf(inputs) {
  const directories = new Set()
  for (const input of Object.keys(inputs)) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)
    if (found) directories.add(path.resolve(root, found[1]))
  }
  return [...directories].sort()
}

function licenceOf(directory) {
  const { name, version, license } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'))
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
  const texts = files.sort().map((file) => readFileSync(path.join(directory, file), 'utf8').trim())
  if (texts.length === 0 && !license) throw new Error(`${name} ${version} names no licence`)
  return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n')
}

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [entry],
  outfile: output,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  banner: { js: '#!/usr/bin/env node' },
  metafile: true,
  logLevel: 'warning',
  plugins: [libraryStaysOutside],
})
chmodSync(output, 0o755)
const licences = packagesOf(metafile.inputs).map(licenceOf)
const divider = `\n\n${'-'.repeat(78)}\n\n`
writeFileSync(
  path.join(path.dirname(output), `${path.parse(output).name}.licenses.txt`),
  `${[`${path.basename(output)} contains these packages.`, ...licences].join(divider)}\n`,
)
