// What the measured programs share: key=value arguments, and CPU time (user and system) of this process.

export const given = Object.fromEntries(
  process.argv.slice(2).map((argument) => {
    const at = argument.indexOf('=')
    return [argument.slice(0, at), argument.slice(at + 1)]
  }),
)

export const number = (name, otherwise) => (given[name] === undefined ? otherwise : Number(given[name]))

/** Nanoseconds. */
export function cpuTime() {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

/** The last line of every measured program. */
export function tell(datagrams, nanoseconds) {
  process.stdout.write(`${datagrams} ${nanoseconds}\n`)
}

/** Counts what comes: after `warm=` datagrams the clock starts, after `count=` more `done` is called once. */
export function meter(done) {
  const warm = number('warm', 0)
  const count = number('count', 1)
  let seen = 0
  let first = -1
  let start = 0
  return (more) => {
    seen += more
    if (first < 0) {
      if (seen < warm) return
      first = seen
      start = cpuTime()
    } else if (seen - first >= count) {
      tell(seen - first, cpuTime() - start)
      first = Infinity
      done()
    }
  }
}
