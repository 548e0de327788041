// What Linux tells of this process's descriptors in /proc.

const { readdirSync, readFileSync, readlinkSync } = require('node:fs')

/** Every open descriptor and what it stands for. */
function descriptors() {
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
function countSockets() {
  return [...descriptors().values()].filter((target) => target.startsWith('socket:')).length
}

/** The descriptors of this process's UDP sockets, by the port that each is bound to. */
function descriptorsByPort(table = 'udp') {
  const ports = new Map()
  for (const line of readFileSync(`/proc/self/net/${table}`, 'utf8').split('\n').slice(1)) {
    const words = line.trim().split(/\s+/)
    if (words.length > 9) ports.set(`socket:[${words[9]}]`, Number.parseInt(words[1].split(':')[1], 16))
  }
  const found = new Map()
  for (const [descriptor, target] of descriptors()) {
    const port = ports.get(target)
    if (port !== undefined) found.set(port, descriptor)
  }
  return found
}

/** The descriptor of this process's UDP socket that is bound to `port`. */
function descriptorOf(port, table = 'udp') {
  const descriptor = descriptorsByPort(table).get(port)
  if (descriptor === undefined) throw new Error(`no socket of ${table} here is bound to ${port}`)
  return descriptor
}

/** The flags of a descriptor's description, O_NONBLOCK among them. */
function flagsOf(descriptor) {
  return Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))[1], 8)
}

module.exports = { descriptors, countSockets, descriptorsByPort, descriptorOf, flagsOf }
