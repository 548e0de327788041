// Counts the results in a TAP file: node scripts/count-results.mjs FILE
//
// What is counted are assertions, not tests; a test without any assertion (a skipped one, one still to be done, one that
// passed without asking anything) counts as one, and so does a test that failed though all of its assertions passed (a
// time-out, a crash, a plan that was not kept). Prints what failed and what was skipped and why, then, as the last line,
// `N passed, N failed`, with `, N skipped` if there are any. Exits 1 when anything failed or nothing passed.

import { existsSync, readFileSync } from 'node:fs'

const counts = { passed: 0, failed: 0, skipped: 0 }
const failures = []
const skips = []

function count(result, name) {
  const left = result.skip || result.todo
  if (left && (result.ok || result.todo)) {
    counts.skipped += 1
    skips.push(`${name}: ${result.todo ? 'to do: ' : ''}${left === true ? 'no reason given' : left}`)
  } else if (result.ok) {
    counts.passed += 1
  } else {
    counts.failed += 1
    failures.push(name)
  }
}

/** Counts what one test holds; gives what its parent has to know about it. */
function watch(parser, trail) {
  const held = { results: 0, failed: 0 }
  let child
  parser.on('child', (childParser) => {
    child = watch(childParser, [...trail, childParser.name])
  })
  parser.on('assert', (result) => {
    const inner = child
    child = undefined
    held.results += 1
    if (!result.ok && !result.todo) held.failed += 1
    const explained = inner && inner.results > 0 && (result.ok || result.todo || inner.failed > 0)
    if (!explained) count(result, [...trail, result.name].join(' > '))
  })
  return held
}

async function parse(text) {
  // Where nothing was installed there is no report either.
  const { Parser } = await import('tap-parser')
  let results
  const parser = new Parser((final) => (results = final))
  watch(parser, [])
  parser.end(text)
  return results
}

const file = process.argv[2]
if (file === undefined) {
  console.error('usage: count-results.mjs FILE')
  process.exit(2)
}
if (existsSync(file)) {
  const results = await parse(readFileSync(file, 'utf8'))
  if (!results.ok && counts.failed === 0) {
    counts.failed += 1
    failures.push(`the report is not whole${results.bailout ? `: bailed out: ${String(results.bailout)}` : ''}`)
  }
}
for (const name of failures) console.log(`failed: ${name}`)
for (const skip of skips) console.log(`skipped: ${skip}`)
if (counts.passed + counts.failed === 0) console.log('nothing ran')
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
