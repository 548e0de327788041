import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { addCapabilities } from './capabilities'
import { addDemo } from './demo'
import { reportError } from './errors'
import { addListen } from './listen'
import { addSend } from './send'

/** This file is bundled into dist/cli.js, one directory below package.json. */
function version(): string {
  const manifest = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}

function createProgram(): Command {
  const program = new Command('sendmsg')
    .description('Send and receive datagrams together with their control data.')
    .version(version())
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        const line = text
          .replace(/^error: /, '')
          .trim()
          .replace(/\s*\n\s*/g, ' ')
        write(`sendmsg: ${line}\n`)
      },
    })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 a defect of this program or a failed demo, 2 a wrong argument, or an error of the system.

Examples:
  $ sendmsg capabilities
  $ sendmsg listen 5000 --echo
  $ sendmsg send 127.0.0.2 5000 hello --ecn 1 --wait 500
  $ sendmsg demo`,
    )
  addCapabilities(program)
  addListen(program)
  addSend(program)
  addDemo(program)
  return program
}

// A reader that closes the pipe early, as head does, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

// A defect in a callback, or an error that a socket emits when no call waits for it.
process.on('uncaughtException', (error) => {
  process.exit(reportError(error))
})

createProgram()
  .parseAsync()
  .catch((error: unknown) => {
    process.exitCode = reportError(error)
  })
