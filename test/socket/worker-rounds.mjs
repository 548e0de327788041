// worker-rounds.mjs ROUNDS: starts busy worker threads, two at a time, and ends each in another way; says how they ended
// and what was left open.

import { Worker } from 'node:worker_threads'
import { countSockets, descriptors } from '../helpers/descriptors.cjs'

const rounds = Number(process.argv[2])
const load = new URL('../helpers/worker-load.cjs', import.meta.url)
const WAYS = ['terminate', 'late', 'exit', 'terminate', 'early', 'throw', 'end', 'late']
const ends = {}
let busy = 0
let waiting = 0

async function round(index) {
  const way = WAYS[index % WAYS.length]
  const how = ['exit', 'throw', 'end'].includes(way) ? way : 'terminate'
  const worker = new Worker(load, { workerData: { how } })
  const errors = []
  worker.on('error', (error) => errors.push(error.message))
  const exit = new Promise((resolve) => worker.on('exit', resolve))
  if (way === 'early') {
    // Before, while and after it loads the addon.
    await new Promise((resolve) => setTimeout(resolve, index % 40))
  } else {
    const message = new Promise((resolve) => worker.once('message', resolve))
    let timer
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, 20_000, 'late')
    })
    const report = await Promise.race([message, exit, late])
    clearTimeout(timer)
    if (typeof report === 'object') busy++
    if (report?.waiting) waiting++
    if (way === 'late') await new Promise((resolve) => setTimeout(resolve, index % 11))
  }
  if (how === 'terminate') void worker.terminate()
  const stuck = setTimeout(() => {
    errors.push('did not end')
    void worker.terminate()
  }, 20_000)
  const code = await exit
  clearTimeout(stuck)
  const end = `${way} ${code} ${errors.join()}`.trim()
  ends[end] = (ends[end] ?? 0) + 1
}

/** Once it stays the same: a thread's end is told before the last of it is gone. */
async function open() {
  const count = () => ({ sockets: countSockets(), descriptors: descriptors().size })
  let last = count()
  for (let same = 0, tries = 0; same < 5 && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    const now = count()
    same = now.sockets === last.sockets && now.descriptors === last.descriptors ? same + 1 : 0
    last = now
  }
  return last
}

// One to open what stays open: libuv's own descriptors.
await round(0)
const before = await open()
for (let index = 0; index < rounds; index += 2) await Promise.all([round(index), round(index + 1)])
const after = await open()
console.log(JSON.stringify({ ends, busy, waiting, before, after }))
