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
function start(command, cpu) {
  const limited = ['--foreground', String(LONGEST), 'taskset', '-c', cpu, ...command]
  const child = spawn('timeout', limited, { stdio: ['ignore', 'pipe', 'inherit'] })
  child.on('error', (error) => {
    throw error
  })
  return child
}

export function startLoad(options) {
  return start([join(binaries, 'load'), ...argumentsOf(options)], LOADING)
}

async function stop(child) {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

/** The last line that a program prints; once a server has told its port, the load begins. */
export async function lastLine(command, load) {
  let loading
  let last = ''
  for await (const line of createInterface({ input: start(command, MEASURED).stdout })) {
    const [word, port] = line.split(' ')
    if (word === 'port') loading = startLoad({ port, ...load })
    else last = line
  }
  await stop(loading)
  if (last === '') throw new Error(`no figures from ${command.join(' ')}`)
  return last
}

/** One run of a program: what it counted, and the CPU time that it took. `sink` is the port of a case of sending. */
export async function measure({ count, load }, program, { sink, peers }) {
  const options = { count, ...program.options }
  const where = load === undefined ? { port: sink } : { warm: options.count / 4 }
  const command = commandOf({ ...program, options: { ...where, ...options } }, peers)
  const [datagrams, nanoseconds] = (await lastLine(command, { ...load, ...program.load })).split(' ').map(Number)
  if (!(datagrams > 0)) throw new Error(`nothing was measured by ${command.join(' ')}`)
  return { datagrams, nanoseconds }
}
