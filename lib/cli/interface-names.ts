import { readFileSync, readdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

const known = new Map<number, { name: string | undefined; until: number }>()

/** The name of an interface, or undefined where Node cannot find it. Names can change, so one is kept for a second only. */
export function interfaceName(index: number): string | undefined {
  const now = performance.now()
  const found = known.get(index)
  if (found && found.until > now) return found.name
  const name = process.platform === 'linux' ? nameFromSysfs(index) : nameFromScope(index)
  known.set(index, { name, until: now + 1000 })
  return name
}

function nameFromSysfs(index: number): string | undefined {
  try {
    return readdirSync('/sys/class/net').find((name) => readIndex(name) === index) ?? nameFromScope(index)
  } catch {
    return nameFromScope(index)
  }
}

function readIndex(name: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'))
  } catch {
    // An interface can go between the listing and the reading, and bonding_masters is no interface.
    return undefined
  }
}

// The scope of an IPv6 link-local address is the index of its interface.
function nameFromScope(index: number): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((address) => address.family === 'IPv6' && address.scopeid === index)) return name
  }
  return undefined
}
