import { readFileSync } from 'node:fs'

/**
 * The command, on one CPU alone. Loopback has a backlog for each CPU: what is dequeued on two of them arrives in no
 * certain order, however it was sent (net/core/dev.c, enqueue_to_backlog).
 */
export function onOneCpu(command: readonly string[]): string[] {
  const allowed = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return ['taskset', '-c', allowed?.[1] ?? '0', ...command]
}
