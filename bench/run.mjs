// Builds the C programs, and runs one program of a case in a process of its own.
import { execFile, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const here = import.meta.dirname
const binaries = join(here, '..', '.cache', 'bench')

/** What is measured runs on the first processor, the load on the last one. */
const MEASURED = '0'
const LOADING = String(availableParallelism() - 1)
/**
 * Under a flood the load runs there, too, and what is measured waits until it has had its turn (SCHED_BATCH, sched(7)):
 * each finds the same full buffer, and pays for messages, not for how often it was woken.
 */
const PATIENT = ['chrt', '--batch', '0']
/** The others compile what they run again and again: before the clock starts they do once what is measured then. */
const COMPILED_BEFORE = ['c', 'go', 'python']
/** Seconds that any program runs at most. */
const LONGEST = 60

export async function buildReference() {
  mkdirSync(binaries, { recursive: true })
  await Promise.all(
    ['send', 'receive', 'echo', 'load'].map((name) =>
      execute('cc', [
        ...['-O2', '-pthread', '-Wall', '-Wextra', '-D_GNU_SOURCE'],
        ...['-o', join(binaries, name), join(here, 'reference', `${name}.c`)],
      ]),
    ),
  )
}

/** Nobody reads from it: what does not fit is dropped, at the same price for all. */
export async function openSink() {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4096 })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

const argumentsOf = (options) =>
  Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)

/** `peers` are the commands of those that are there, by name. */
export function commandOf({ run: how, file, options }, peers) {
  const args = argumentsOf(options)
  if (how === 'c') return [join(binaries, file), ...args]
  if (how === 'node') return [process.execPath, join(here, 'subjects', `${file}.mjs`), ...args]
  return [...peers[how], ...args]
}

/** Ends by itself, also when nobody is left to end it. */
function start(command, cpu, policy = []) {
  const limited = ['--foreground', String(LONGEST), 'taskset', '-c', cpu, ...policy, ...command]
  const child = spawn('timeout', limited, { stdio: ['ignore', 'pipe', 'inherit'] })
  child.on('error', (error) => {
    throw error
  })
  return child
}

function startLoad(options, cpu = LOADING) {
  return start([join(binaries, 'load'), ...argumentsOf(options)], cpu)
}

async function stop(child) {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

async function linesOf(stream) {
  const lines = []
  for await (const line of createInterface({ input: stream })) lines.push(line)
  return lines
}

/** The last line that a program prints; once a server has told its port, the load begins. */
export async function lastLine(command, load) {
  let loading
  let last = ''
  const measured = start(command, MEASURED, load?.mode === 'flood' ? PATIENT : [])
  for await (const line of createInterface({ input: measured.stdout })) {
    const [word, port] = line.split(' ')
    if (word === 'port') loading = startLoad({ port, ...load }, MEASURED)
    else last = line
  }
  await stop(loading)
  if (last === '') throw new Error(`no figures from ${command.join(' ')}`)
  return last
}

/** The times of a server's answers in nanoseconds, one question at a time, and the line that it prints when it is ended. */
export async function answers(command, questions, flood) {
  const server = start(command, MEASURED)
  let asking
  let flooding
  let told
  for await (const line of createInterface({ input: server.stdout })) {
    const [word, port, floodedPort] = line.split(' ')
    if (word !== 'port') {
      told = line
      continue
    }
    if (flood !== undefined) flooding = startLoad({ port: floodedPort, ...flood })
    asking = linesOf(startLoad({ mode: 'latency', port, ...questions }).stdout)
    asking.finally(() => stop(server)).catch(() => {})
  }
  await stop(flooding)
  return { times: (await asking).map(Number), told }
}

/** One run of a program: what it counted, and the CPU time that it took. `sink` is the port of a case of sending. */
export async function measure({ count, load }, program, { sink, peers }) {
  const options = { count, ...program.options }
  const warm = Math.round(options.count * (COMPILED_BEFORE.includes(program.run) ? 0.1 : 1))
  const where = load === undefined ? { port: sink } : {}
  const command = commandOf({ ...program, options: { ...where, warm, ...options } }, peers)
  const [datagrams, nanoseconds] = (await lastLine(command, { ...load, ...program.load })).split(' ').map(Number)
  if (!(datagrams > 0)) throw new Error(`nothing was measured by ${command.join(' ')}`)
  return { datagrams, nanoseconds }
}
