// Counts the results in TAP files: node scripts/count-results.mjs [--expected FILE] FILE…
//
// Prints what failed and what was skipped and why, file by file, then what each file holds, then, as the last line, the sum:
// `N passed, N failed`, with `, N skipped` if there are any. Exits 1 when anything failed or nothing passed, and when a file
// skips more than the file of expected numbers says, which is JSON: titles, without versions of Node, and how many are skipped.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { countResults, describe, inShort, sum } from './tap-counts.mjs'

const { values, positionals: files } = parseArgs({ allowPositionals: true, options: { expected: { type: 'string' } } })
if (files.length === 0) {
  console.error('usage: count-results.mjs [--expected FILE] FILE…')
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
let tooMany = false
if (values.expected !== undefined) {
  const expected = JSON.parse(readFileSync(values.expected, 'utf8'))
  for (const { title, counts } of counted) {
    const most = expected[title.replace(/ \d+\.\d+\.\d+/g, '')] ?? 0
    if (counts.skipped <= most) continue
    console.log(`${title}: ${counts.skipped} skipped, where ${most} are expected (${values.expected})`)
    tooMany = true
  }
}
console.log(inShort(total))
process.exitCode = total.failed > 0 || total.passed === 0 || tooMany ? 1 : 0
