// One report of several: each becomes a test that holds what it holds, as tap itself reports a file.

/** `reports`: name, text and exit status of each, in their order. */
export function joinReports(reports) {
  const lines = ['TAP version 14']
  for (const [index, { name, text, status }] of reports.entries()) {
    const held = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('TAP version'))
    const has = (pattern) => held.some((line) => pattern.test(line))
    // What reports nothing failed.
    const right = status === 0 && has(/^ok/) && !has(/^(not ok|Bail out!)/)
    lines.push(`# Subtest: ${name}`, ...held.map((line) => `    ${line}`))
    lines.push(`${right ? 'ok' : 'not ok'} ${index + 1} - ${name}`)
  }
  return `${[...lines, `1..${reports.length}`].join('\n')}\n`
}
