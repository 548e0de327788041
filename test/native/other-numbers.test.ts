// One source for every number of the boundary: an addon whose enums and slots have other numbers works with the same
// JavaScript, and one that lacks a name is refused when it is loaded.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'

// The addon is compiled here.
t.setTimeout(300_000)

const helper = (name: string): string => path.resolve('test/helpers', name)
const differs = (name: string): string =>
  `sendmsg: the addon and the JavaScript are of different versions (no field ${name})`

const OTHER_SIZE = /^sendmsg: the addon and the JavaScript are of different versions \(\w+\.\w+ has \d+ bytes\)$/

function run(script: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [helper(script), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

t.test('the library reads every name of the layout, and does not load without it', async (t) => {
  // Only C++ uses these, and `reserved`, which slots have where it is needed.
  const unread = [
    'send.withoutOffload',
    'enums.dontFragment.asSocket',
    'enums.cast.unknown',
    'enums.errorOrigin.none',
    'enums.sendClock.none',
  ]
  const loads = (JSON.parse(run('boundary-names.cjs')) as [name: string, message: string | null][]).filter(
    ([name]) => !name.endsWith('.reserved'),
  )
  t.ok(loads.length > 100, `${loads.length} names`)
  for (const [name, message] of loads) {
    const expected = unread.includes(name) ? null : differs(name)
    // Without a name the member before it looks too long.
    if (expected !== null && OTHER_SIZE.test(message ?? '')) continue
    if (message !== expected) t.equal(message, expected, name)
  }
  t.same(
    loads
      .filter(([, message]) => message === null)
      .map(([name]) => name)
      .sort(),
    unread.sort(),
  )
})

type Change = (rows: string[], macro: string) => string[]

/** Changes the rows of a table of src/layout.h. */
function changeTable(header: string, macro: string, change: Change): string {
  const table = new RegExp(`(#define ${macro}\\(X\\)) *\\\\\n((?:.*\\\\\n)*.*\n)`)
  let found = false
  const changed = header.replace(table, (_, start: string, text: string) => {
    found = true
    const rows = text
      .trim()
      .split('\n')
      .map((row) => row.replace(/\\$/, '').trim())
    return `${[start, ...change(rows, macro)].join(' \\\n')}\n`
  })
  if (!found) throw new Error(`src/layout.h has no ${macro}`)
  return changed
}

/** In the reverse order, with one more in the middle. */
const renumbered: Change = (rows, macro) => {
  const changed = rows.toReversed()
  changed.splice(changed.length >> 1, 0, `X(kInserted_${macro}, inserted)`)
  return changed
}

/** The same where 0 says nothing: the first row stays. */
const renumberedBehindFirst: Change = ([first = '', ...rows], macro) => [first, ...renumbered(rows, macro)]

/** Members of the same type change places, so that nothing needs padding. */
const reordered: Change = (rows) => {
  const typeOf = (row: string): string => {
    const [, type, suffix] = /^X\((\w+), \w+, (\S*),/.exec(row)!
    return `${type!} ${suffix!}`
  }
  const places = new Map<string, string[]>()
  for (const row of rows) places.set(typeOf(row), [row, ...(places.get(typeOf(row)) ?? [])])
  return rows.map((row) => places.get(typeOf(row))!.shift()!)
}

const withMember =
  (type: string): Change =>
  (rows, macro) => [`X(${type}, inserted, , "")`, ...reordered(rows, macro)]

const changes = {
  SENDMSG_FIELDS: renumbered,
  SENDMSG_SEND_FLAGS: renumbered,
  SENDMSG_PRESENT: renumbered,
  SENDMSG_OPTIONS: renumbered,
  SENDMSG_DONT_FRAGMENT: renumberedBehindFirst,
  SENDMSG_CASTS: renumberedBehindFirst,
  SENDMSG_ERROR_ORIGINS: renumberedBehindFirst,
  SENDMSG_DATA_PLACES: renumberedBehindFirst,
  SENDMSG_WAITS: renumberedBehindFirst,
  SENDMSG_SEND_CLOCKS: renumberedBehindFirst,
  SENDMSG_SEND_SLOT: withMember('uint64_t'),
  SENDMSG_RECEIVE_SLOT: withMember('uint64_t'),
  SENDMSG_ERROR_SLOT: withMember('uint32_t'),
  SENDMSG_REPORT: withMember('int32_t'),
  SENDMSG_CONTROL_RECORD: reordered,
}

const missing = process.platform === 'linux' ? run('build-addon.mjs').trim() : 'compiles the addon on Linux only'

t.test('an addon with other numbers', { skip: missing || false }, async (t) => {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'sendmsg-boundary-'))
  t.teardown(() => {
    rmSync(copy, { recursive: true })
  })
  for (const name of ['package.json', 'dist', 'src', 'src-posix']) {
    cpSync(path.resolve(name), path.join(copy, name), { recursive: true })
  }
  symlinkSync(path.resolve('node_modules'), path.join(copy, 'node_modules'))
  const header = path.join(copy, 'src', 'layout.h')
  let source = readFileSync(header, 'utf8')
  const tables = [...source.matchAll(/^#define (SENDMSG_\w+)\(X\)/gm)].map(([, name]) => name!)
  t.same(Object.keys(changes).sort(), tables.sort(), 'all tables are changed')
  for (const [macro, change] of Object.entries(changes)) source = changeTable(source, macro, change)
  writeFileSync(header, source)
  run('build-addon.mjs', copy)

  const layoutOf = (root: string): object => {
    const script = `console.log(JSON.stringify(require('node-gyp-build')(process.argv[1]).layout))`
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, root], { encoding: 'utf8' })
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout)
  }
  const same: string[] = []
  compare(layoutOf(path.resolve()), layoutOf(copy), [], same)
  t.comment(same.join(' '))
  t.ok(same.length < 30, 'most numbers are others', { same })

  const seen = JSON.parse(run('boundary-works.cjs', path.resolve()))
  t.match(seen, {
    source: { address: '127.0.0.2', hopLimit: 64, destination: '127.0.0.1', cast: 'unicast', through: true },
    hopLimit: { address: '127.0.0.1', hopLimit: 77, dropped: 0 },
    trafficClass: { trafficClass: 0x2a, ecn: 2, dscp: 10 },
    ecn: { address: '127.0.0.3', trafficClass: 45, hopLimit: 9 },
    raw: { hopLimit: 55 },
    truncated: { truncated: true, controlTruncated: false, size: 100 },
    controlTruncated: { truncated: false, controlTruncated: true },
    setTTL: { hopLimit: 33 },
    answer: ['answers', '127.0.0.1'],
    error: { code: 'ECONNREFUSED', origin: 'icmp' },
  })
  t.same(JSON.parse(run('boundary-works.cjs', copy)), seen, 'and what is sent and received is the same')

  const renamed = source.replace('X(kHopLimit, hopLimit)', 'X(kHopLimit, ttl)')
  t.not(renamed, source)
  writeFileSync(header, renamed)
  run('build-addon.mjs', copy, 'src/export_layout.cc')
  const loading = `try { require(process.argv[1]) } catch (error) { console.log(error.message) }`
  const { stdout } = spawnSync(process.execPath, ['-e', loading, copy], { encoding: 'utf8' })
  t.equal(stdout.trim(), differs('enums.field.hopLimit'), 'where a field has another name it does not load')
})

/** Collects the paths of numbers that are the same in both. */
function compare(one: object, other: object, before: string[], same: string[]): void {
  for (const [name, value] of Object.entries(one) as [string, unknown][]) {
    const own = (other as Record<string, unknown>)[name]
    if (typeof value === 'object') compare(value!, own!, [...before, name], same)
    else if (value === own) same.push([...before, name].join('.'))
  }
}
