// A process of its own whose system calls can be made to fail, from one step to the next (step-runner.cjs).
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

type Any = ReturnType<typeof JSON.parse>

const traces = spawnSync('strace', ['-o', os.devNull, 'true']).status === 0
/** Why system calls cannot be made to fail here. */
export const noInjection =
  (process.platform !== 'linux' && 'strace is Linux only') || (!traces && 'strace is not here, or may not trace')

export class Steps {
  private readonly child: ChildProcessWithoutNullStreams
  private readonly lines: AsyncIterator<string>
  private stderr = ''

  /** `wrapper`: a command that runs the process. */
  constructor(test: Test, wrapper: readonly string[] = []) {
    const argv = [...wrapper, process.execPath, path.join(__dirname, 'step-runner.cjs')]
    this.child = spawn(argv[0]!, argv.slice(1), { env: { ...process.env, NODE_OPTIONS: '' } })
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
    test.teardown(async () => {
      const ended = once(this.child, 'close')
      this.child.stdin.end()
      await ended
    })
  }

  /** Runs the body of an async function of `require` and `state`. */
  async run(step: string): Promise<Any> {
    this.child.stdin.write(`${JSON.stringify(step)}\n`)
    const { value } = (await this.lines.next()) as { value: string | undefined }
    if (value === undefined) throw new Error(`The process ended: ${this.stderr}`)
    const answer = JSON.parse(value)
    if (answer.failure !== undefined) throw new Error(answer.failure)
    return answer.value
  }

  /** The same, while calls of the main thread fail as strace's rule says: `epoll_ctl:error=ENOSPC:when=1`. */
  async failing(rule: string, step: string): Promise<Any> {
    const strace = spawn('strace', ['-o', os.devNull, '-e', `inject=${rule}`, '-p', String(this.child.pid)])
    let stderr = ''
    strace.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const ended = once(strace, 'close')
    while (!stderr.includes('attached')) {
      if (strace.exitCode !== null) throw new Error(`strace: ${stderr}`)
      await Promise.race([once(strace.stderr, 'data'), ended])
    }
    try {
      return await this.run(step)
    } finally {
      strace.kill('SIGINT') // it detaches
      await ended
    }
  }
}
