// Loads the library again and again in one thread, and prints what is left of it: `node --expose-gc loads.cjs COUNT HOW`.
// HOW: `require` anew, or each time in a context of its own (`context`, as jest does).
'use strict'

const { once } = require('node:events')
const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const path = require('node:path')
const vm = require('node:vm')
const { countSockets } = require('../helpers/descriptors.cjs')

const [count, how] = [Number(process.argv[2]), process.argv[3]]
const main = require.resolve('sendmsg')
const own = (name) => name.startsWith(path.dirname(main)) && !name.endsWith('.node')

/** The binary stays in the cache, as jest leaves it. */
function requireAnew() {
  for (const name of Object.keys(require.cache).filter(own)) delete require.cache[name]
  const library = require(main)
  // Node's own: the module that asked for it first keeps what it has asked for.
  module.children.length = 0
  return library
}

/** A module registry of its own, whose modules run in a context of their own. */
function requireInContext() {
  const context = vm.createContext({
    process,
    Buffer,
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    AbortSignal,
  })
  const registry = new Map()
  const load = (file) => {
    if (!own(file)) return require(file)
    if (registry.has(file)) return registry.get(file).exports
    const loaded = { exports: {} }
    registry.set(file, loaded)
    const { resolve } = createRequire(file)
    const wrapper = vm.runInContext(
      `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`,
      context,
      { filename: file },
    )
    wrapper(loaded.exports, (name) => load(resolve(name)), loaded, file, path.dirname(file))
    return loaded.exports
  }
  return load(main)
}

async function use({ createSocket, sendmsg, capabilities }) {
  capabilities()
  const receiver = createSocket('udp4').bind(0, '127.0.0.1')
  const sender = createSocket({ type: 'udp4', pull: true })
  const { port } = receiver.address()
  await Promise.all([
    once(receiver, 'message'),
    sendmsg(sender, { data: Buffer.from('x'), address: '127.0.0.1', port, source: '127.0.0.3' }),
  ])
  for (const socket of [receiver, sender]) await new Promise((resolve) => socket.close(resolve))
}

const turn = () => new Promise(setImmediate)

async function settle() {
  // Finalizers run in turns of their own.
  for (let round = 0; round < 6; round++) {
    global.gc()
    await turn()
  }
}

async function main_() {
  const load = how === 'context' ? requireInContext : requireAnew
  const alive = []
  const sockets = countSockets()
  const memory = []
  for (let round = 1; round <= count; round++) {
    const library = load()
    await use(library)
    alive.push(new WeakRef(library.sendmsg))
    if (round % (count / 4) !== 0) continue
    await settle()
    memory.push(process.memoryUsage().arrayBuffers)
  }
  await settle()
  const left = alive.filter((reference) => reference.deref() !== undefined).length
  console.log(JSON.stringify({ left, memory, sockets: countSockets() - sockets }))
}

void main_()
