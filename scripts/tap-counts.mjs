// Counts the results in TAP.
//
// What is counted are assertions, not tests; a test without any assertion (a skipped one, one still to be done, one that
// passed without asking anything) counts as one, and so does a test that failed though all of its assertions passed (a
// time-out, a crash, a plan that was not kept).

const none = () => ({ passed: 0, failed: 0, skipped: 0, failures: [], skips: [] })

function add(counts, result, name) {
  const left = result.skip || result.todo
  if (left && (result.ok || result.todo)) {
    counts.skipped += 1
    counts.skips.push(`${name}: ${result.todo ? 'to do: ' : ''}${left === true ? 'no reason given' : left}`)
  } else if (result.ok) {
    counts.passed += 1
  } else {
    counts.failed += 1
    counts.failures.push(name)
  }
}

/** Counts what one test holds; gives what its parent has to know about it. */
function watch(counts, parser, trail) {
  const held = { results: 0, failed: 0 }
  let child
  parser.on('child', (childParser) => {
    child = watch(counts, childParser, [...trail, childParser.name])
  })
  parser.on('assert', (result) => {
    const inner = child
    child = undefined
    held.results += 1
    if (!result.ok && !result.todo) held.failed += 1
    const explained = inner && inner.results > 0 && (result.ok || result.todo || inner.failed > 0)
    if (!explained) add(counts, result, [...trail, result.name].join(' > '))
  })
  return held
}

export async function countResults(text) {
  // Where nothing was installed there is no report either, but somebody asks for the sum.
  const { Parser } = await import('tap-parser')
  const counts = none()
  let results
  const parser = new Parser((final) => (results = final))
  watch(counts, parser, [])
  parser.end(text)
  if (!results.ok && counts.failed === 0) {
    counts.failed += 1
    counts.failures.push(`the report is not whole${results.bailout ? `: bailed out: ${String(results.bailout)}` : ''}`)
  }
  return counts
}

export function sum(all) {
  const total = none()
  for (const counts of all) {
    for (const key of ['passed', 'failed', 'skipped']) total[key] += counts[key]
    total.failures.push(...counts.failures)
    total.skips.push(...counts.skips)
  }
  return total
}

/** `N passed, N failed`, with `, N skipped` if there are any. */
export function inShort({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** What failed and what was skipped and why, a line each, then the sum. */
export function describe(counts) {
  return [
    ...counts.failures.map((name) => `failed: ${name}`),
    ...counts.skips.map((skip) => `skipped: ${skip}`),
    ...(counts.passed + counts.failed === 0 ? ['nothing ran'] : []),
    inShort(counts),
  ].join('\n')
}
