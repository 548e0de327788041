// Runs scenarios (fault-scenarios.cjs) step by step, a JSON command a line, so that strace can make their system calls
// fail in one of the steps. Each step is answered with what it came to.
'use strict'
const { readlinkSync } = require('node:fs')
const path = require('node:path')
const { createInterface } = require('node:readline')
const { isMainThread, parentPort, Worker } = require('node:worker_threads')
const sendmsg = require('sendmsg')
const { descriptors } = require('../helpers/descriptors.cjs')
const scenarios = require('./fault-scenarios.cjs')

const PATIENCE = 2000

/** What the promises, callbacks and events of one step came to, by name. */
class Outcomes {
  constructor() {
    this.steps = {}
    this.open = new Set()
  }

  note(name, error, value) {
    const step = (this.steps[name] ??= { times: 0 })
    step.times++
    if (error) Object.assign(step, { error: error.name, code: error.code, syscall: error.syscall, says: error.message })
    else if (value !== undefined) step.value = value
    this.open.delete(name)
  }

  /** A call that returns or throws. */
  call(name, body) {
    try {
      const value = body()
      this.note(name, null, plain(value))
      return value
    } catch (error) {
      this.note(name, error)
      return undefined
    }
  }

  /** A call that gives a promise. */
  async wait(name, start) {
    this.open.add(name)
    try {
      const value = await start()
      this.note(name, null, plain(value))
      return value
    } catch (error) {
      this.note(name, error)
      return undefined
    }
  }

  /** A callback of Node's kind, which is to be called once. */
  callback(name) {
    this.open.add(name)
    return (error, value) => this.note(name, error, plain(value))
  }

  /** An event, which may come. */
  listen(emitter, event) {
    emitter.on(event, (value) => {
      if (event === 'error') this.note(event, value)
      else this.note(event, null, value?.code ?? plain(value))
    })
  }
}

/** What can be compared: no ports, no times. */
const plain = (value) => {
  if (Array.isArray(value)) return value.map(plain)
  if (value?.data !== undefined) return value.data.toString()
  return ['number', 'boolean', 'string'].includes(typeof value) || value === null ? value : undefined
}

let outcomes = new Outcomes()
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => outcomes.note('uncaught', error))
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Enough for what is closed to have been closed. */
const settle = async () => {
  for (let at = 0; at < 4; at++) await turn()
}

/** Gives `undefined` when it takes too long. */
async function inTime(promise) {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE, true)
  })
  const hung = await Promise.race([promise, late])
  clearTimeout(timer)
  return hung === true
}

let context
let scenario
let before
/** Descriptors that were lent to this process, and that nobody has taken over. */
const lent = Object.values(JSON.parse(process.env.DESCRIPTORS ?? '{}')).map(({ fd }) => fd)

/** Where commands come from, and answers and wishes go to. */
let answer
const wishes = []

const steps = {
  thread: () => ({ thread: Number(path.basename(readlinkSync('/proc/thread-self'))) }),
  async prepare({ name, sink, tag }) {
    scenario = scenarios[name]
    before = new Map(descriptors())
    context = {
      sink,
      tag,
      lent: lent[0],
      /** Datagrams that were made, and those that were told to be sent. */
      sent: 0,
      claimed: 0,
      /** Asks for datagrams from outside, and waits until they are there. */
      incoming: async (port, count) => {
        answer({ incoming: { port, count } })
        await new Promise((resolve) => wishes.push(resolve))
      },
    }
    return { ...(await perform('prepare')), lent: lent[0] }
  },
  async run({ allocations = '' }) {
    process.env.FAIL_ALLOCATIONS = allocations // test/helpers/allocations.c
    const run = await perform('run')
    process.env.FAIL_ALLOCATIONS = ''
    return { ...run, failedAllocations: Number(process.env.FAILED_ALLOCATIONS ?? 0) }
  },
  again: () => perform('again'),
  async finish() {
    const finished = await perform('finish')
    await settle()
    const after = descriptors()
    const left = [...after].filter(([number, target]) => before.get(number) !== target)
    const gone = [...before].filter(([number, target]) => after.get(number) !== target)
    const taken = lent.length > 0 && after.get(lent[0]) !== before.get(lent[0])
    if (taken) lent.shift()
    return {
      ...finished,
      left,
      gone: gone.map(([number]) => number),
      taken,
      lent: lent.length,
      claimed: context.claimed,
    }
  },
}

async function perform(step) {
  outcomes = new Outcomes()
  const mine = outcomes
  const hung = await inTime(
    (async () => {
      await scenario[step]?.(context, mine)
      while (mine.open.size > 0) await turn()
    })(),
  )
  await settle()
  return { steps: mine.steps, unsettled: [...mine.open], hung }
}

/** The same in a thread of its own. */
let worker
function inWorker(command) {
  if (worker === undefined) {
    worker = new Worker(__filename, { stdin: false })
    worker.on('message', (line) => answer(line))
    worker.on('error', (error) => answer({ failure: String(error.stack) }))
  }
  worker.postMessage(command)
}

async function obey(command) {
  if (command.incoming === 'sent') {
    const wish = wishes.shift()
    if (wish) wish()
    else if (worker !== undefined) worker.postMessage(command)
    return
  }
  if (isMainThread && command.place === 'worker') {
    inWorker(command)
    return
  }
  try {
    answer(await steps[command.step](command))
  } catch (error) {
    answer({ failure: String(error.stack) })
  }
}

if (isMainThread) {
  answer = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
  createInterface({ input: process.stdin })
    .on('line', (line) => void obey(JSON.parse(line)))
    .on('close', () => process.exit())
} else {
  answer = (line) => parentPort.postMessage(line)
  parentPort.on('message', (command) => void obey(command))
}
// What is done once in each thread is behind us when calls are made to fail.
if (process.env.SENDMSG_NO_PROBE === undefined) sendmsg.capabilities()
