// Counts the results in TAP files: node scripts/count-results.mjs FILE…
//
// Prints what failed and what was skipped and why, file by file, then what each file holds, then, as the last line, the sum:
// `N passed, N failed`, with `, N skipped` if there are any. Exits 1 when anything failed or nothing passed.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { countResults, describe, inShort, sum } from './tap-counts.mjs'

const files = process.argv.slice(2)
if (files.length === 0) {
  console.error('usage: count-results.mjs FILE…')
  process.exit(2)
}
const counted = []
for (const file of files.filter((name) => existsSync(name))) {
  const counts = await countResults(readFileSync(file, 'utf8'))
  const title = path.basename(file, '.tap')
  console.log(`-- ${title}\n${describe(counts)}`)
  counted.push({ title, counts })
}
const total = sum(counted.map(({ counts }) => counts))
if (counted.length > 1) {
  console.log('--')
  for (const { title, counts } of counted) console.log(`${title}: ${inShort(counts)}`)
}
console.log(inShort(total))
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
