// A network namespace of its own with a narrow loopback: elsewhere loopback never lets a send wait.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const SCRIPT = `
ip link set lo up &&
tc qdisc add dev lo root tbf rate "$1" burst 10kb limit 10mb &&
shift && exec "$@"`

export const inNarrowNamespace = (rate, command) => ['unshare', '-n', 'sh', '-c', SCRIPT, 'sh', rate, ...command]

/** Why there can't be one here, or undefined. */
export async function whyNoNamespace() {
  const [file, ...args] = inNarrowNamespace('1mbit', ['true'])
  try {
    await promisify(execFile)(file, args)
    return undefined
  } catch (error) {
    return `needs a network namespace with a slow queue: ${(error.stderr || error.message).trim()}`
  }
}
