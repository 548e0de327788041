// The last calls of a run, in a file that outlives the process: what it did when it crashed or hung.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

const RECORD = 200
const RECORDS = 64

export class Journal {
  private readonly file: number
  private readonly record = Buffer.alloc(RECORD)
  private next = 0

  constructor(path: string) {
    this.file = openSync(path, 'w')
  }

  write(text: string): void {
    this.record.fill(0x20)
    this.record.write(text, 'latin1')
    this.record[RECORD - 1] = 0x0a
    writeSync(this.file, this.record, 0, RECORD, (this.next++ % RECORDS) * RECORD)
  }

  close(): void {
    closeSync(this.file)
  }
}

/** The calls in order; each line begins with the number of its call. */
export function readJournal(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch {
    return []
  }
  const lines = text.split('\n').map((line) => line.trimEnd())
  return lines.filter((line) => /^\d/.test(line)).sort((one, other) => Number.parseInt(one) - Number.parseInt(other))
}
