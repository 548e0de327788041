import { release } from 'node:os'
import type { Command } from 'commander'
import Table from 'cli-table3'
import { capabilities, type Capabilities, type FamilySupport, type Support } from '../index'
import { color } from './colors'

export function addCapabilities(program: Command): void {
  program
    .command('capabilities')
    .description('Show what this kernel does with each field of a message, and its limits.')
    .option('--json', 'print the object that capabilities() returns')
    .addHelpText(
      'after',
      `
Meaning:
  kernel     the kernel honours the field, for this one datagram
  emulated   the library does it, by a socket option or in JavaScript
  no         refused with ENOTSUP

Examples:
  $ sendmsg capabilities
  $ sendmsg capabilities --json`,
    )
    .action((options: { json?: boolean }) => {
      const found = capabilities()
      process.stdout.write(`${options.json ? JSON.stringify(found, null, 2) : capabilitiesText(found)}\n`)
    })
}

function capabilitiesText(found: Capabilities): string {
  return [
    `${process.platform} ${release()} ${process.arch}, Node.js ${process.version}`,
    fieldTable(found).toString(),
    plainTable(
      'flag',
      Object.entries(found.flags).map(([flag, has]) => [flag, has ? yes : no]),
    ),
    plainTable('limit', [
      ['datagrams in one segmented message', String(found.maxSegments)],
      ['bytes in one IPv4 datagram', String(found.maxDatagram.IPv4)],
      ['bytes in one IPv6 datagram', String(found.maxDatagram.IPv6)],
      ['messages in one system call', String(found.maxBatch)],
      ['views gathered in one message', String(found.maxBuffers)],
    ]),
  ].join('\n')
}

const yes = color('green', 'yes')
const no = color('red', 'no')
// The table's own colours would ignore NO_COLOR.
const style = { head: [], border: [], compact: true }

function fieldTable({ send, receive }: Capabilities): Table.Table {
  const table = new Table({ head: ['field', 'send IPv4', 'send IPv6', 'receive IPv4', 'receive IPv6'], style })
  const sending = new Map<string, Readonly<FamilySupport>>(Object.entries(send))
  const receiving = new Map<string, Readonly<FamilySupport>>(Object.entries(receive))
  for (const field of new Set([...sending.keys(), ...receiving.keys()])) {
    table.push([field, ...cells(sending.get(field)), ...cells(receiving.get(field))])
  }
  return table
}

/** Both families of a field; empty where the field does not exist in this direction. */
function cells(support: Readonly<FamilySupport> | undefined): string[] {
  return support === undefined ? ['', ''] : [supportText(support.IPv4), supportText(support.IPv6)]
}

function supportText(support: Support): string {
  if (support === false) return no
  return support === 'kernel' ? color('green', support) : color('yellow', support)
}

function plainTable(title: string, rows: string[][]): string {
  const table = new Table({ head: [title, ''], style })
  table.push(...rows)
  return table.toString()
}
