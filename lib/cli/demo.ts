import type { Command } from 'commander'
import Table from 'cli-table3'
import { ask, dig, digInstalled, type DigVerdict } from './ask'
import { color } from './colors'
import { UserError } from './errors'
import { whyNotLocal } from './local-addresses'
import { localPort } from './parse'
import { startDgram, startOurs, type Responder } from './responder'

const addressesByWildcard = {
  '0.0.0.0': ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'],
  '::': ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '::1'],
} as const

interface Verdict {
  from: string | undefined
  right: boolean
  dig: DigVerdict | undefined
}

interface Row {
  bound: string
  address: string
  ours: Verdict
  plain: Verdict
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('Compare a DNS responder on this library with the same on node:dgram.')
    .option('--port <number>', 'first of the four ports that the responders take (default: free ones)', localPort, 0)
    .addHelpText(
      'after',
      `
Each responder is bound to 0.0.0.0, or to a dual-stack ::, and is asked at several of the host's addresses by a plain
node:dgram client and, where it is installed, by dig. An answer is right if it comes from the address that was asked.
The exit code is 0 only if all answers of this library are right.

Examples:
  $ sendmsg demo
  $ sendmsg demo --port 5399`,
    )
    .action(demo)
}

async function demo({ port }: { port: number }): Promise<void> {
  if (port > 65532) throw new UserError('--port must leave room for four ports: 65532 at most')
  const withDig = await digInstalled()
  const notes = withDig ? [] : ['dig is not installed: the queries come from node:dgram alone.']
  const rows: Row[] = []
  const failures: Error[] = []
  const bound = Object.entries(addressesByWildcard).map(async ([wildcard, addresses], index) => {
    const unavailable = await whyNotLocal(wildcard)
    if (unavailable !== undefined) {
      notes.push(`${wildcard} is left out, it is not available here: ${unavailable}`)
      return []
    }
    return await compare(wildcard, addresses, port === 0 ? 0 : port + 2 * index)
  })
  rows.push(...(await Promise.all(bound)).flat())

  async function compare(wildcard: string, addresses: readonly string[], first: number): Promise<Row[]> {
    const failed = (error: Error): number => failures.push(error)
    const ours = await startOurs(wildcard, first, failed)
    let plain: Responder | undefined
    try {
      plain = await startDgram(wildcard, first === 0 ? 0 : first + 1, failed)
      const { port: ourPort } = ours
      const { port: plainPort } = plain
      const found = addresses.map(async (address): Promise<Row[]> => {
        const unavailable = await whyNotLocal(address)
        if (unavailable !== undefined) {
          notes.push(`${address} on ${wildcard} is left out, it is no address of this host: ${unavailable}`)
          return []
        }
        const [our, their] = await Promise.all([judge(address, ourPort, withDig), judge(address, plainPort, withDig)])
        return [{ bound: wildcard, address, ours: our, plain: their }]
      })
      return (await Promise.all(found)).flat()
    } finally {
      ours.close()
      plain?.close()
    }
  }

  process.stdout.write(`${comparison(rows, withDig)}\n`)
  for (const note of notes) process.stdout.write(`${note}\n`)
  for (const failure of failures) process.stdout.write(`a responder failed: ${failure.message}\n`)
  const right = rows.filter((row) => row.ours.right).length
  const plainRight = rows.filter((row) => row.plain.right).length
  process.stdout.write(
    `sendmsg: ${right} of ${rows.length} answers right; node:dgram: ${plainRight} of ${rows.length} answers right\n`,
  )
  if (rows.length === 0 || right < rows.length) process.exitCode = 1
}

async function judge(address: string, port: number, withDig: boolean): Promise<Verdict> {
  const [from, verdict] = await Promise.all([ask(address, port, 1000), withDig ? dig(address, port) : undefined])
  return { from, right: from === address && (verdict === undefined || verdict === 'answer'), dig: verdict }
}

function comparison(rows: readonly Row[], withDig: boolean): string {
  const columns = (what: string): string[] => [`${what} answers from`, '', ...(withDig ? ['dig'] : [])]
  const table = new Table({
    head: ['bound to', 'asked', ...columns('sendmsg'), ...columns('node:dgram')],
    style: { head: [], border: [], compact: true },
  })
  for (const { bound, address, ours, plain } of rows) {
    table.push([bound, address, ...cells(ours), ...cells(plain)])
  }
  return table.toString()
}

function cells({ from, right, dig: verdict }: Verdict): string[] {
  const shown = [from ?? 'no answer', right ? color('green', 'right') : color('red', 'wrong')]
  return verdict === undefined ? shown : [...shown, verdict]
}
