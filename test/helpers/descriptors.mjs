// What Linux tells of this process's descriptors in /proc.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Every open descriptor and what it stands for. */
export function descriptors() {
  const found = new Map()
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      found.set(Number(name), readlinkSync(`/proc/self/fd/${name}`))
    } catch {
      // The one that the directory was read through.
    }
  }
  return found
}

/** How many sockets are open. */
export function countSockets() {
  return [...descriptors().values()].filter((target) => target.startsWith('socket:')).length
}

/** The descriptor of this process's UDP socket that is bound to `port`. */
export function descriptorOf(port, table = 'udp') {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const row = readFileSync(`/proc/self/net/${table}`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((words) => words[1]?.endsWith(`:${hex}`))
  if (row === undefined) throw new Error(`no socket of ${table} is bound to ${port}`)
  for (const [descriptor, target] of descriptors()) {
    if (target === `socket:[${row[9]}]`) return descriptor
  }
  throw new Error(`the socket bound to ${port} is not this process's`)
}

/** The flags of a descriptor's description, O_NONBLOCK among them. */
export function flagsOf(descriptor) {
  return Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))[1], 8)
}
