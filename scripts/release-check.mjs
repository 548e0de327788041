// Whether a tag, the version of package.json and the topmost released version of CHANGELOG.md agree; on GitHub also
// whether package.json names the repository, without which npm takes no provenance. Prints what CHANGELOG.md says of the
// version.
//
//   node scripts/release-check.mjs TAG
import { readFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const read = (name) => readFileSync(path.join(root, name), 'utf8')

/** The topmost section with a version and a date. */
function released(changelog) {
  const section = changelog.split(/^(?=## )/m).find((one) => /^## \[\d/.test(one))
  const [, version, rest] = /^## \[(\S+)\] - \d{4}-\d\d-\d\d\n([^]*)$/.exec(section ?? '') ?? []
  return { version, notes: rest?.replace(/^\[[^\]]+\]: .*$/gm, '').trim() }
}

const address = (repository) => (repository?.url ?? repository ?? '').replace(/^git\+|\.git$/g, '')

const [tag] = process.argv.slice(2)
const { version, repository } = JSON.parse(read('package.json'))
const { version: locked } = JSON.parse(read('package-lock.json'))
const { version: newest, notes } = released(read('CHANGELOG.md'))
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
const host = GITHUB_REPOSITORY && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`

const wrong = [
  tag !== `v${version}` && `the tag is ${tag ?? 'not given'}, the version of package.json ${version}`,
  locked !== version && `package-lock.json has ${locked}, package.json ${version}`,
  newest !== version && `the topmost released version of CHANGELOG.md is ${newest ?? 'none'}, not ${version}`,
  newest === version && notes === '' && `CHANGELOG.md says nothing of ${version}`,
  host && address(repository) !== host && `package.json names ${address(repository) || 'no repository'}, not ${host}`,
].filter(Boolean)

if (wrong.length === 0) console.log(notes)
for (const line of wrong) console.error(`release-check: ${line}`)
process.exitCode = wrong.length === 0 ? 0 : 1
