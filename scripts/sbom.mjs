// Prints what the package consists of, as CycloneDX: npm's runtime dependencies; of its dev dependencies those that are
// shipped, bundled into dist/cli.js or as headers; and the tools that prebuilds/ is compiled with, parts of which are in
// there. Wants dist/ (npm run build:ts).
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { TOOLS } from './prebuild/toolchain.mjs'

const root = path.resolve(import.meta.dirname, '..')
const DEVELOPMENT = 'cdx:npm:package:development'

/** name@version, which is npm's bom-ref, of the dev dependencies that are shipped. */
function shippedForDevelopment() {
  // As scripts/bundle.mjs writes it.
  const licences = readFileSync(path.join(root, 'dist', 'cli.licenses.txt'), 'utf8')
  const bundled = [...licences.matchAll(/^-{78}\n\n(\S+) (\S+) \(/gm)].map(([, name, version]) => `${name}@${version}`)
  const { version } = createRequire(import.meta.url)('node-addon-api/package.json')
  return [...bundled, `node-addon-api@${version}`]
}

/** Of a line of TOOLS. */
function toolComponent(line) {
  const [ref, integrity] = line.split(' ')
  const at = ref.lastIndexOf('@')
  const name = ref.slice(0, at)
  const version = ref.slice(at + 1)
  const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex')
  return {
    'bom-ref': ref,
    type: 'library',
    name,
    version,
    scope: 'required',
    description: 'prebuilds/ is compiled with it',
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    hashes: [{ alg: 'SHA-512', content }],
  }
}

const bom = JSON.parse(
  execFileSync('npm', ['sbom', '--sbom-format=cyclonedx'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }),
)
const also = shippedForDevelopment()
const isDevelopment = ({ name }) => name === DEVELOPMENT
const components = bom.components
  .filter((one) => also.includes(one['bom-ref']) || !one.properties.some(isDevelopment))
  .map((one) => ({ ...one, properties: one.properties.filter((property) => !isDevelopment(property)) }))
const refs = components.map((one) => one['bom-ref'])
const unknown = also.filter((ref) => !refs.includes(ref))
if (unknown.length > 0) throw new Error(`shipped, and not known to npm: ${unknown.join(', ')}`)

const tools = TOOLS.map(toolComponent)
const toolRefs = tools.map((one) => one['bom-ref'])
const product = bom.metadata.component
// npm takes the name of the directory.
product.name = 'sendmsg'
bom.components = [...components, ...tools]
bom.dependencies = bom.dependencies
  .filter(({ ref }) => ref === product['bom-ref'] || refs.includes(ref))
  .map(({ ref, dependsOn }) => ({
    ref,
    dependsOn: [...dependsOn.filter((one) => refs.includes(one)), ...(ref === product['bom-ref'] ? toolRefs : [])],
  }))
  .concat(toolRefs.map((ref) => ({ ref, dependsOn: [] })))
console.log(JSON.stringify(bom, undefined, 2))
