// Fetches a package of npm's into .cache, without installing it.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'

/**
 * Returns the directory that holds the package's files. With `integrity` (as in package-lock.json) anything else is
 * refused; `members` of the archive are all that is unpacked. What is there already is not fetched again.
 */
export function fetchPackage({ name, version, integrity, members = [] }, home) {
  if (existsSync(home)) return home
  mkdirSync(path.dirname(home), { recursive: true })
  const fresh = mkdtempSync(path.join(path.dirname(home), 'fetch-'))
  try {
    const spec = `${name}@${version}`
    execFileSync('npm', ['pack', '--silent', '--pack-destination', fresh, spec], { cwd: fresh, stdio: 'pipe' })
    const [archive] = readdirSync(fresh)
    const hash = createHash('sha512').update(readFileSync(path.join(fresh, archive)))
    const found = `sha512-${hash.digest('base64')}`
    if (integrity !== undefined && found !== integrity) {
      throw new Error(`${spec} has integrity ${found}, not ${integrity}`)
    }
    execFileSync('tar', ['-xzf', archive, ...members.map((member) => `package/${member}`)], { cwd: fresh })
    renameSync(path.join(fresh, 'package'), home)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return home
}
