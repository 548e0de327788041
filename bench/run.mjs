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
/** A load that nobody stopped stops by itself. Seconds. */
const LONGEST_LOAD = 60

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
function commandOf({ run: how, file, options }, peers) {
  const args = argumentsOf(options)
  if (how === 'c') return [join(binaries, file), ...args]
  if (how === 'node') return [process.execPath, join(here, 'subjects', `${file}.mjs`), ...args]
  return [...peers[how], ...args]
}

function start(command, cpu) {
  const child = spawn('taskset', ['-c', cpu, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  child.on('error', (error) => {
    throw error
  })
  return child
}

/** One run of a program: what it counted, and the CPU time that it took. `sink` is the port of a case of sending. */
export async function measure({ count, load }, program, { sink, peers }) {
  const server = load !== undefined
  const where = server ? { warm: (program.options.count ?? count) / 4 } : { port: sink }
  const child = start(commandOf({ ...program, options: { count, ...where, ...program.options } }, peers), MEASURED)
  let loading
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, port] = line.split(' ')
    if (word === 'port') {
      const options = { port, seconds: LONGEST_LOAD, ...load, ...program.load }
      loading = start([join(binaries, 'load'), ...argumentsOf(options)], LOADING)
    } else {
      last = line
    }
  }
  if (loading !== undefined && loading.exitCode === null) {
    loading.kill()
    await once(loading, 'exit')
  }
  const [datagrams, nanoseconds] = last.split(' ').map(Number)
  if (!(datagrams > 0)) throw new Error(`${JSON.stringify(program)} measured nothing: ${last}`)
  return { datagrams, nanoseconds }
}
