// Compares what both did, entry by entry; what is in the list of differences is counted and passed over.
import { isDeepStrictEqual } from 'node:util'
import type { Differing } from './differences'
import { printEntry, type Entry } from './entries'
import { printStep, type Script } from './steps'

export interface Comparison {
  /** How often each listed difference was seen, by its name. */
  readonly seen: ReadonlyMap<string, number>
  /** The first difference that is not listed; undefined where there is none. */
  readonly unlisted: { readonly dgram: number; readonly ours: number } | undefined
}

export function compare(
  script: Script,
  dgram: readonly Entry[],
  ours: readonly Entry[],
  differing: readonly Differing[],
): Comparison {
  const seen = new Map<string, number>()
  let [theirs, own] = [0, 0]
  while (theirs < dgram.length || own < ours.length) {
    const pair = { script, dgram: dgram[theirs], ours: ours[own], logs: { dgram, ours } }
    if (isDeepStrictEqual(pair.dgram, pair.ours)) {
      theirs++
      own++
      continue
    }
    const known = differing.find(({ applies }) => applies(pair))
    if (known === undefined) return { seen, unlisted: { dgram: theirs, ours: own } }
    seen.set(known.name, (seen.get(known.name) ?? 0) + 1)
    if (known.skips === 'rest') break
    if (known.skips !== 'ours') theirs++
    if (known.skips !== 'dgram') own++
  }
  return { seen, unlisted: undefined }
}

const BEFORE = 2
const AFTER = 3

/** The script up to where they differ, and what both recorded there. */
export function explain(
  script: Script,
  dgram: readonly Entry[],
  ours: readonly Entry[],
  at: { dgram: number; ours: number },
): string[] {
  const last = Math.max(dgram[at.dgram]?.step ?? 0, ours[at.ours]?.step ?? 0)
  const around = (entries: readonly Entry[], index: number): string[] =>
    entries.slice(Math.max(0, index - BEFORE), index + AFTER).map(printEntry)
  return [
    ...script.steps.slice(0, last + 1).map((step, index) => `${index}: ${printStep(step)}`),
    'dgram:',
    ...around(dgram, at.dgram),
    'ours:',
    ...around(ours, at.ours),
  ]
}
