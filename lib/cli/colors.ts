import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

// Node 20.0 to 20.11 have no styleText.
const style = styleText as typeof styleText | undefined

const wanted = process.stdout.isTTY && !process.env['NO_COLOR']

/** Colours for stdout: plain text unless it is a terminal and NO_COLOR is unset. */
export function color(format: Format, text: string): string {
  return wanted && style ? style(format, text) : text
}
